run --rm --name $name -e A=1 -e B -h box busybox sh -c 'echo $A-$B-$HOSTNAME-$PATH-$HOME; hostname'
B=2 run --rm --name $name -e B busybox sh -c 'echo $B'
run --rm --name $name -w /var/new/dir busybox pwd
run --rm --name $name --entrypoint /bin/echo busybox a 'b c'
