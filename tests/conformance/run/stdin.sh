echo hi | run -i --rm --name $name busybox cat
printf 'no newline' | run -i --rm --name $name busybox cat
run -i --rm --name $name busybox cat < /dev/null
