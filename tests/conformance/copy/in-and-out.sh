docker create --name $name --network none busybox sh -c 'cat /tmp/in/a; ls -l /tmp/in | tail -n +2 | cut -c 1-10; stat -c %a /tmp/in/x'
mkdir in
echo from host > in/a
echo '#!' > in/x
chmod 750 in/x
docker cp in $name:/tmp/in
docker start -a $name
docker cp $name:/tmp/in out
cat out/a
stat -c %a out/x
docker cp $name:/etc/passwd - | tar t
docker cp $name:/no/such .
echo $?
