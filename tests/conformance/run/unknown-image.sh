docker create --pull never no-such-image:tag 2>&1
echo $?
