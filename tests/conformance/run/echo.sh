run --rm --name $name busybox echo hello
