run -d --name $name busybox sh -c 'trap "echo got TERM; exit 5" TERM; echo ready; while :; do sleep 1 & wait $!; done'
until docker logs $name | grep ready; do :; done
docker stop $name
docker wait $name
docker logs $name
docker start $name
docker kill -s KILL $name
docker wait $name
docker inspect -f '{{.State.Status}} {{.State.ExitCode}} {{.State.Running}} {{.State.OOMKilled}}' $name
docker kill $name
docker stop $name
echo $?
