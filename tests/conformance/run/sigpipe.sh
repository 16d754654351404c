run --rm --name $name busybox sh -c 'yes | head -1'
