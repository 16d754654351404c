docker create --name $name-1 --label a=b --network none busybox true
run -d --name $name-2 --label a=c busybox tail -f /dev/null
run --name $name-3 busybox sh -c 'exit 3'
docker ps -a --filter name=$name --format '{{.Names}} {{.Image}} {{.Command}} {{.State}}'
docker ps --filter name=$name --format '{{.Names}}'
docker ps -a --filter name=$name --filter status=exited --format '{{.Names}}'
docker ps -a --filter name=$name --filter exited=3 --format '{{.Names}}'
docker ps -a --filter name=$name --filter label=a --format '{{.Names}} {{.Labels}}'
docker ps -a --filter name=$name --filter label=a=b --format '{{.Names}}'
docker ps -a --filter nosuch=x
docker ps -aq --filter name=$name -n 1 | wc -l
