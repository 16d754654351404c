run --rm --name $name busybox nope
echo $?
run --rm --name $name busybox /no/such/file
echo $?
run --rm --name $name busybox /etc/passwd
echo $?
run --rm --name $name busybox /tmp
echo $?
