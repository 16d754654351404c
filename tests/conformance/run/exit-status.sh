for code in 0 1 2 42 125 126 127 128 137 255; do
    run --rm --name $name busybox sh -c "exit $code"
    echo $?
done
