run --rm --name $name -u daemon busybox sh -c 'id -u; id -g; touch /root/x 2>/dev/null; echo $?'
run --rm --name $name -u 1234:5678 busybox sh -c 'id -u; id -g'
run --rm --name $name -u nosuch busybox true
echo $?
