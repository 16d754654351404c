run -d --name $name busybox tail -f /dev/null
docker top $name -o pid,args | tail -n +2 | tr -s " " | cut -d " " -f 2-
docker stop -t 0 $name
docker top $name
echo $?
