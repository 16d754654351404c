run --name $name busybox sh -c 'for i in 1 2 3 4 5; do echo line $i; done; echo err >&2; printf partial'
docker logs $name 2>/dev/null
echo
docker logs -n 2 $name 2>/dev/null
echo
docker logs $name 2>&1 >/dev/null
docker logs -t $name 2>/dev/null | cut -d ' ' -f 2-
echo
docker logs no-such-container
