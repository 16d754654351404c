run -d --name $name busybox tail -f /dev/null
docker rm $name
echo $?
docker rm -f $name
docker rm $name
echo $?
docker inspect $name
echo $?
