for verb in start stop restart kill pause unpause rm wait logs top; do
    docker $verb no-such-container
    echo $?
done
