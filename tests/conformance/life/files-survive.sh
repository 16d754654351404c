docker create --name $name --network none busybox sh -c 'echo run >> /data; wc -l < /data'
docker start -a $name
docker start -a $name
docker restart $name >/dev/null
docker wait $name
docker logs $name
docker cp $name:/data - | tar xO
