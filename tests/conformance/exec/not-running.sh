docker create --name $name --network none busybox true
docker exec $name true
echo $?
docker exec no-such-container true
echo $?
