run --rm --name $name busybox sh -c 'ls / | grep -cx bin'
