#!/usr/bin/env bash
# Finds, downloads or builds etcd, kube-apiserver and kube-controller-manager, and prints where each one is:
#
#   etcd=PATH
#   kube_apiserver=PATH
#   kube_controller_manager=PATH     (empty when there is none and no Go to build it)
#
# etcd and kube-apiserver are taken together from the first of: $KUBEBUILDER_ASSETS, PATH, the cache under target/,
# the envtest archive of kubernetes-sigs/controller-tools, a Go build of the modules pinned in go.mod.
# Those archives have no kube-controller-manager: that one is built where it is not found.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
version=$(awk '$1 == "k8s.io/kubernetes" { print $2 }' "$here/go.mod")
cache=$here/../../target/control-plane/bin/$version   # by version: a bump in go.mod never runs yesterday's binary

say() { echo "control plane: $*" >&2; }
path_of() { command -v "$1" || true; }

# Checksums published in that repository's envtest-releases.yaml. A version or platform not listed is built instead.
archive_sha512() {
  case "$version-$(uname -s)-$(uname -m)" in
    v1.37.0-Linux-x86_64) echo 1d1c453633b72c161a5d5a886cde7ac850be1a2ac796a9e1d4ffacacc64868295bdd2d57aa66cd0c158f5ce510f5dfe3fbc61ac21bd3dcfb875bd70658aa663a ;;
    v1.37.0-Linux-aarch64) echo ae6a670502988200b0131c943758cfd3d3a58cf4e6247ef7f0e6a6467f1cd9a333c802e86101f0446b1b92a0e327387224e1e44fe1a4693da0929c6e529cfe9a ;;
    *) return 1 ;;
  esac
}

download() {
  local sum arch=amd64 tmp=$cache/.download
  sum=$(archive_sha512) || return 1
  [[ $(uname -m) == x86_64 ]] || arch=arm64
  local release=https://github.com/kubernetes-sigs/controller-tools/releases/download/envtest-$version
  rm -rf "$tmp" && mkdir -p "$tmp"
  say "downloading envtest $version"
  # Where the host cannot be reached, the build should start within seconds.
  if ! curl -fsSL --connect-timeout 4 --max-time 300 -o "$tmp/envtest.tar.gz" \
    "$release/envtest-$version-linux-$arch.tar.gz" 2> "$tmp/error"; then
    say "no download: $(tail -n 1 "$tmp/error")"
    rm -rf "$tmp"
    return 1
  fi
  if ! echo "$sum  $tmp/envtest.tar.gz" | sha512sum --check --status; then
    say "the downloaded archive does not have the pinned checksum; it is not used"
    rm -rf "$tmp"
    return 1
  fi
  # Spelled out with &&, because `set -e` is off inside a condition.
  tar -xzf "$tmp/envtest.tar.gz" -C "$tmp" --strip-components=2 &&
    mv "$tmp/etcd" "$tmp/kube-apiserver" "$cache/" &&
    rm -rf "$tmp"
}

# $1: name of the binary, $2: its package. Without cgo, so that no C compiler is needed.
build() {
  local pkg=k8s.io/component-base/version started=$SECONDS minor=${version#v1.}
  say "building $1 from the pinned Go modules (minutes, once)"
  (cd "$here" && CGO_ENABLED=0 go build -trimpath -mod=readonly -o "$cache/.$1.new" -ldflags "-s -w \
    -X $pkg.gitVersion=$version -X $pkg.gitMajor=1 -X $pkg.gitMinor=${minor%%.*} -X $pkg.gitTreeState=clean" "$2") >&2
  mv "$cache/.$1.new" "$cache/$1"   # whole or not at all
  say "built $1 in $((SECONDS - started)) s"
}

make_servers() {
  [[ -x $cache/etcd && -x $cache/kube-apiserver ]] && return
  download && return
  if ! command -v go > /dev/null; then
    say "no etcd and kube-apiserver here: set KUBEBUILDER_ASSETS to a folder that has them, or install Go"
    exit 1
  fi
  [[ -x $cache/etcd ]] || build etcd go.etcd.io/etcd/server/v3
  build kube-apiserver k8s.io/kubernetes/cmd/kube-apiserver
}

make_controller_manager() {
  [[ -x $cache/kube-controller-manager ]] && return
  if command -v go > /dev/null; then
    build kube-controller-manager k8s.io/kubernetes/cmd/kube-controller-manager
  else
    say "no kube-controller-manager and no Go to build it: deleted namespaces will hang, owner references are not followed"
  fi
}

main() {
  local etcd apiserver manager assets=${KUBEBUILDER_ASSETS:-}
  if [[ -n $assets && -x $assets/etcd && -x $assets/kube-apiserver ]]; then
    etcd=$assets/etcd apiserver=$assets/kube-apiserver
  elif [[ -n $(path_of etcd) && -n $(path_of kube-apiserver) ]]; then
    etcd=$(path_of etcd) apiserver=$(path_of kube-apiserver)
  else
    make_servers
    etcd=$cache/etcd apiserver=$cache/kube-apiserver
  fi
  if [[ -n $assets && -x $assets/kube-controller-manager ]]; then
    manager=$assets/kube-controller-manager
  elif [[ -n $(path_of kube-controller-manager) ]]; then
    manager=$(path_of kube-controller-manager)
  else
    make_controller_manager
    manager=$cache/kube-controller-manager
    [[ -x $manager ]] || manager=
  fi
  printf 'etcd=%s\nkube_apiserver=%s\nkube_controller_manager=%s\n' "$etcd" "$apiserver" "$manager"
}

mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
exec 9> "$cache/.lock"
flock --timeout 1 9 || { say "waiting for another build to end"; flock 9; }
main
