#!/usr/bin/env bash
# Runs a control plane (etcd, kube-apiserver, kube-controller-manager; no nodes) for as long as its stdin is open.
#
# When it is ready it prints one line, its data folder, which holds
#   admin.kubeconfig      system:masters
#   operator.kubeconfig   the operator's service account: no right but those that manifests/ gives it
#   *.log                 of each process
# and stays in the foreground. At EOF on stdin, SIGINT or SIGTERM it stops the three and removes the folder. So the
# process that holds the other end of the pipe leaves nothing behind, however it ends, kill -9 included.
# By hand: run it in a terminal and end it with Ctrl-C.
#
# Everything listens on 127.0.0.1 (kube-apiserver, a free port) or on a socket in the folder (etcd).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly start_seconds=60

say() { echo "control plane: $*" >&2 || true; }   # whoever read our stderr may be gone; stopping goes on
fail() { say "$*"; exit 1; }

# $1: name, rest: command. In a session of its own, so that Ctrl-C reaches only this supervisor, which then stops
# everything in order; and killed by the kernel should the supervisor itself be killed.
launch() {
  local name=$1
  shift
  setsid setpriv --pdeathsig KILL "$@" > "$run/$name.log" 2>&1 < /dev/null 8>&- &
  pids[$name]=$!
}

stop() {
  local name pid
  trap '' INT TERM HUP
  # Nothing of it is needed again, so nothing has to be flushed; clients before the servers they use.
  for name in kube-controller-manager kube-apiserver etcd; do
    pid=${pids[$name]:-}
    [[ -n $pid ]] || continue
    kill -KILL "$pid" 2> /dev/null || true
    wait "$pid" 2> /dev/null || true
  done
  rm -rf "$run"
}

# $1: name of a process that should be running.
check() {
  kill -0 "${pids[$1]}" 2> /dev/null && return
  say "$1 ended; the last lines of its log:"
  tail -n 15 "$run/$1.log" >&2 || true
  return 1
}

# $1: process it depends on, rest: command that succeeds when it is ready.
wait_until() {
  local name=$1 deadline=$((SECONDS + start_seconds))
  shift
  until "$@" > /dev/null 2>&1; do
    check "$name" || return 1
    if ((SECONDS >= deadline)); then
      say "$name is not ready after $start_seconds s; the last lines of its log:"
      tail -n 15 "$run/$name.log" >&2 || true
      return 1
    fi
    sleep 0.05
  done
}

# Below the range the kernel gives to outgoing connections, which would race with us.
free_port() {
  local port
  for _ in {1..100}; do
    port=$((20000 + RANDOM % 12000))
    (: < "/dev/tcp/127.0.0.1/$port") 2> /dev/null || { echo "$port"; return; }
  done
  return 1
}

random_token() { head -c 24 /dev/urandom | base64 | tr '+/' 'ab'; }

# $1: user, $2: token
write_kubeconfig() {
  # kube-apiserver writes its certificate and behind it the CA that signed it; clients trust the CA.
  local ca
  ca=$(awk '/BEGIN CERTIFICATE/ { n++ } n == 2' "$run/certs/apiserver.crt" | base64 | tr -d '\n')
  cat > "$run/$1.kubeconfig" << YAML
apiVersion: v1
kind: Config
current-context: control-plane
clusters: [{name: control-plane, cluster: {server: "https://127.0.0.1:$port", certificate-authority-data: "$ca"}}]
users: [{name: $1, user: {token: "$2"}}]
contexts: [{name: control-plane, context: {cluster: control-plane, user: $1}}]
YAML
}

start_etcd() {
  # Sockets instead of ports. Their paths have a short limit, so they are named relative to the working directory.
  launch etcd "$etcd" --data-dir "$run/etcd" --unsafe-no-fsync --log-level warn \
    --listen-client-urls unix://etcd:1 --advertise-client-urls unix://etcd:1 \
    --listen-peer-urls unix://etcd:2 --initial-advertise-peer-urls unix://etcd:2 --initial-cluster default=unix://etcd:2
  wait_until etcd test -S "$run/etcd:1"
}

start_apiserver() {
  local admin operator
  admin=$(random_token) operator=$(random_token)
  cat > "$run/tokens.csv" << CSV
$admin,admin,admin,"system:masters"
$operator,system:serviceaccount:tec-crm-system:tec-crm,tec-crm,"system:serviceaccounts,system:serviceaccounts:tec-crm-system,system:authenticated"
CSV
  for attempt in 1 2 3; do
    port=$(free_port)
    # The key of the self-signed certificate, written at start, serves for service account tokens too.
    launch kube-apiserver "$kube_apiserver" --etcd-servers unix://etcd:1 \
      --bind-address 127.0.0.1 --secure-port "$port" --cert-dir "$run/certs" --service-cluster-ip-range 10.0.0.0/24 \
      --service-account-issuer https://control-plane.invalid \
      --service-account-key-file "$run/certs/apiserver.key" --service-account-signing-key-file "$run/certs/apiserver.key" \
      --token-auth-file "$run/tokens.csv" --authorization-mode RBAC
    wait_until kube-apiserver test -s "$run/certs/apiserver.crt" || return 1
    write_kubeconfig admin "$admin"
    write_kubeconfig operator "$operator"
    wait_until kube-apiserver kubectl_admin get --raw /readyz && return
    # Someone else took the port between our look and kube-apiserver's start.
    grep -q "address already in use" "$run/kube-apiserver.log" || return 1
    say "port $port was taken, attempt $attempt"
  done
  return 1
}

start_controller_manager() {
  launch kube-controller-manager "$kube_controller_manager" --kubeconfig "$run/admin.kubeconfig" --secure-port 0 \
    --leader-elect=false --controllers namespace-controller,garbage-collector-controller,serviceaccount-controller
  wait_until kube-controller-manager kubectl_admin get serviceaccount default
}

kubectl_admin() { kubectl --kubeconfig "$run/admin.kubeconfig" --request-timeout 5s "$@"; }

# A supervisor that was killed with -9 could not remove its folder. A folder in use is locked.
remove_leftovers() {
  local old
  for old in "$1"/run-*/; do
    [[ ! -e $old/lock ]] || flock --nonblock "$old/lock" rm -rf "$old" || true
  done
}

umask 077
trap '' PIPE
command -v kubectl > /dev/null || fail "kubectl is not in PATH"
binaries=$("$here/binaries.sh")
declare etcd='' kube_apiserver='' kube_controller_manager=''
while IFS='=' read -r name path; do declare "$name=$path"; done <<< "$binaries"

target=$(cd "$here/../.." && pwd)/target/control-plane
declare -A pids=()
# One at a time: between its creation and its lock a folder looks like a leftover.
exec 7> "$target/lock" && flock 7
remove_leftovers "$target"
run=$(mktemp -d "$target/run-XXXXXX")
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
exec 8> "$run/lock" && flock 8
exec 7>&-
cd "$run"

start_etcd || fail "etcd did not start"
start_apiserver || fail "kube-apiserver did not start"
[[ -z $kube_controller_manager ]] || start_controller_manager || fail "kube-controller-manager did not start"
wait_until kube-apiserver kubectl_admin get namespace default || fail "there is no namespace default"
echo "$run"

# Until stdin ends or one of the three does, whichever is first.
cat > /dev/null <&0 8>&- &
reader=$!
wait -n || true
kill "$reader" 2> /dev/null || exit 0
for name in "${!pids[@]}"; do check "$name" || fail "$name ended by itself"; done
