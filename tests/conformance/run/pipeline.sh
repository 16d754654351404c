run --rm --name $name busybox sh -c 'ls / | grep -c bin'
