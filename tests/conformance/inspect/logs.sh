run --name $name busybox sh -c 'for i in 1 2 3 4 5; do echo line $i; done; printf partial'
docker logs $name
echo
docker logs -n 2 $name
echo
docker logs -t $name | cut -d ' ' -f 2-
echo
docker rm $name
run --name $name busybox sh -c 'echo out; echo err >&2' >/dev/null 2>&1
docker logs $name 2>/dev/null
docker logs $name 2>&1 >/dev/null
docker logs no-such-container
