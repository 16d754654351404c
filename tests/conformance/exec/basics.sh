run -d --name $name busybox tail -f /dev/null
docker exec $name sh -c 'echo out; echo err >&2; exit 3' 2>err
echo "$?: $(cat err)"
echo hi | docker exec -i $name cat
docker exec -e A=b -w /tmp $name sh -c 'echo $A; pwd'
docker exec $name nope
echo $?
docker exec -d $name touch /tmp/made
until docker exec $name test -e /tmp/made; do :; done
docker exec -u daemon $name id -un
