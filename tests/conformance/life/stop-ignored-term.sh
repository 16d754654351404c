run -d --name $name busybox tail -f /dev/null
docker stop -t 0 $name
docker inspect -f '{{.State.ExitCode}}' $name
docker start $name
docker kill -s TERM $name
docker inspect -f '{{.State.Running}}' $name
docker kill -s 9 $name
docker wait $name
docker kill -s NOSUCH $name
