docker create --name $name --network none busybox
docker create --name $name --network none busybox
echo $?
docker rename $name $name-b
docker inspect -f '{{.Name}}' $name-b
docker create --name '-bad' busybox
echo $?
docker rename $name-b ''
