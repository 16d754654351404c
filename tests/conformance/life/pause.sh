run -d --name $name busybox sh -c 'while :; do :; done'
docker pause $name
docker inspect -f '{{.State.Status}} {{.State.Paused}}' $name
docker exec $name true
echo $?
docker pause $name
docker unpause $name
docker unpause $name
docker inspect -f '{{.State.Status}} {{.State.Paused}}' $name
docker kill $name
