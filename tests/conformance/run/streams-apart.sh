run --rm --name $name busybox sh -c 'echo out; echo err >&2' 2>err >out
echo "out: $(cat out)"
echo "err: $(cat err)"
