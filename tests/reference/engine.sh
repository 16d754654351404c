#!/bin/sh
# engine.sh: a real Docker Engine and its clients, to compare against.
#
#   engine.sh install   unpack Debian's docker.io, containerd, runc, the docker
#                              CLI, compose and buildx into a private prefix
#   engine.sh start     start containerd and dockerd, load busybox:latest
#   engine.sh stop      stop exactly the two processes that start began
#   engine.sh env       print the lines to eval: REFERENCE_HOST, PATH with the
#                              docker CLI first, DOCKER_CONFIG with compose and buildx
#
# Needs root on a Debian machine. Nothing that is installed is touched; the
# prefix is /opt/docker-reference (DOCKER_REFERENCE=DIR moves it). The engine runs
# without a bridge and without iptables: containers there use --network none or host.
set -eu

prefix=${DOCKER_REFERENCE:-/opt/docker-reference}
root=$prefix/root
run=$prefix/run
socket=$run/docker.sock

unpack() {
    [ -e "$prefix/ready" ] && return
    work=$prefix/apt
    mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$root"
    : > "$work/status"
    mirror=$(apt-get indextargets --format '$(SITE) $(ORIGIN) $(LABEL)' |
        awk '$2 == "Debian" && $3 == "Debian" { print $1; exit }')
    [ -n "$mirror" ] || { echo "docker-reference: run 'apt-get update' first" >&2; exit 1; }
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror sid main" > "$work/sources.list"
    cat > "$work/apt.conf" <<CONF
Dir::Etc::sourcelist "$work/sources.list";
Dir::Etc::sourceparts "-";
Dir::State::lists "$work/lists";
Dir::State::status "$work/status";
Dir::Cache "$work/cache";
APT::Sandbox::User "root";
CONF
    export APT_CONFIG="$work/apt.conf"
    apt-get -qq update >&2
    (cd "$work" && apt-get -qq download docker.io containerd docker-cli docker-compose docker-buildx tini busybox-static >&2)
    for deb in "$work"/*.deb; do dpkg -x "$deb" "$root"; done
    unset APT_CONFIG
    # runc links the machine's own libraries, so it comes from the machine's own suite.
    [ -x /usr/sbin/runc ] || (cd "$work" && apt-get -qq download runc libseccomp2 >&2 && for deb in runc_*.deb libseccomp2_*.deb; do dpkg -x "$deb" "$root"; done)
    ln -sf tini "$root/usr/bin/docker-init"
    mkdir -p "$prefix/config"
    ln -sfn "$root/usr/libexec/docker/cli-plugins" "$prefix/config/cli-plugins"
    rm -rf "$work"
    : > "$prefix/ready"
}

start() {
    unpack
    [ -S "$socket" ] && DOCKER_HOST=unix://$socket "$root/usr/bin/docker" version >/dev/null 2>&1 && return
    mkdir -p "$run" "$prefix/data" "$prefix/log"
    # What engines that were killed left behind would look like a running one.
    rm -f "$socket" "$run"/containerd.sock* "$run"/*.pid "$run"/*.pidfile "$run"/docker/*.pid "$run"/docker/containerd/*.pid
    export PATH="$root/usr/bin:$root/usr/sbin:$PATH"
    cat > "$prefix/containerd.toml" <<TOML
version = 3
root = "$prefix/data/containerd"
state = "$run/containerd"
disabled_plugins = ["io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime", "io.containerd.grpc.v1.cri"]
[grpc]
  address = "$run/containerd.sock"
[ttrpc]
  address = "$run/containerd.sock.ttrpc"
TOML
    setsid containerd --config "$prefix/containerd.toml" > "$prefix/log/containerd.log" 2>&1 < /dev/null &
    echo $! > "$run/containerd.pid"
    await "$run/containerd.sock"
    setsid dockerd --containerd "$run/containerd.sock" --data-root "$prefix/data/docker" --exec-root "$run/docker" \
        --pidfile "$run/dockerd.pidfile" --host "unix://$socket" --group root \
        --iptables=false --ip6tables=false --bridge=none > "$prefix/log/dockerd.log" 2>&1 < /dev/null &
    echo $! > "$run/dockerd.pid"
    await "$socket"
    docker="$root/usr/bin/docker --host unix://$socket"
    $docker image inspect busybox:latest >/dev/null 2>&1 || {
        image=$(mktemp -d)
        mkdir -p "$image/bin" "$image/dev" "$image/etc" "$image/home" "$image/root" "$image/tmp" "$image/usr/bin" "$image/usr/sbin" "$image/var"
        cp "$(find "$root" -path '*/bin/busybox' | head -n 1)" "$image/bin/busybox"
        for applet in $("$image/bin/busybox" --list); do
            [ "$applet" = busybox ] || ln "$image/bin/busybox" "$image/bin/$applet"
        done
        ln -s ../../bin/env "$image/usr/bin/env"
        printf 'root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false\nnobody:x:65534:65534:nobody:/home:/bin/false\n' > "$image/etc/passwd"
        printf 'root:x:0:\ndaemon:x:1:\nusers:x:100:\nnobody:x:65534:\n' > "$image/etc/group"
        chmod 1777 "$image/tmp"
        tar --numeric-owner --owner=0 --group=0 -C "$image" -c . |
            $docker import --change 'CMD ["sh"]' --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' - busybox:latest >/dev/null
        rm -rf "$image"
    }
}

await() {
    for _ in $(seq 150); do
        [ -S "$1" ] && return
        sleep 0.2
    done
    echo "docker-reference: $1 did not appear; see $prefix/log" >&2
    exit 1
}

stop() {
    for name in dockerd containerd; do
        [ -f "$run/$name.pid" ] || continue
        pid=$(cat "$run/$name.pid")
        kill "$pid" 2>/dev/null || true
        for _ in $(seq 100); do
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.1
        done
        rm -f "$run/$name.pid"
    done
}

case ${1:-} in
install) unpack ;;
start) start ;;
stop) stop ;;
env)
    echo "export REFERENCE_HOST=unix://$socket"
    echo "export PATH=$root/usr/bin:\$PATH"
    echo "export DOCKER_CONFIG=$prefix/config"
    ;;
*)
    sed -n '2,15s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
