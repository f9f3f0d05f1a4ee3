#!/bin/sh
# Builds what the tests' Kubernetes is made of, out of Go modules, into a folder outside the tree:
#   tests/cluster/build.sh           build what is missing there, most needed first
#   tests/cluster/build.sh where     print the folder
# The folder is named after the digest of tools/*/go.mod and go.sum, so a change of a version builds anew and nothing else does.
# What cannot be built (no Go, no network, no time) is said, and the tests that need it are skipped, saying so: the exit status is always 0.
set -u

here=$(cd "$(dirname "$0")" && pwd)
digest=$(cat "$here"/tools/*/go.mod "$here"/tools/*/go.sum | sha256sum | cut -c1-16)
bin=${XDG_CACHE_HOME:-$HOME/.cache}/connect-migrate/cluster/$digest/bin
if [ "${1:-}" = where ]; then printf '%s\n' "$bin"; exit 0; fi

say() { printf '%s\n' "cluster tools: $*"; }

PATH=$PATH:/usr/local/go/bin
GOTOOLCHAIN=local CGO_ENABLED=0 GOFLAGS='-trimpath -buildvcs=false'
export PATH GOTOOLCHAIN CGO_ENABLED GOFLAGS
version=$(go env GOVERSION 2>/dev/null | sed 's/^go//')
case "$version" in
1.2[6-9]*|1.[3-9][0-9]*|[2-9]*) ;;
*) say "not built: Go 1.26 or later is needed, and here is ${version:-none}; the tests on a real Kubernetes will be skipped"; exit 0 ;;
esac

# The version of a module as its tool's go.mod requires it.
required() { sed -n "s|^.*$2 \(v[^ ]*\).*|\1|p" "$here/tools/$1/go.mod" | head -n 1; }

# build NAME MODULE PACKAGE FLAGS: a program that is there already was built from these very files. A half-written one never gets its name.
build() {
    [ ! -x "$bin/$1" ] || return 0
    begun=$(date +%s)
    if (cd "$here/tools/$2" && timeout 1800 nice go build -mod=readonly -p "${CM_CLUSTER_JOBS:-2}" -ldflags "-s -w $4" -o "$bin/.$1.$$" "$3") >"$bin/$1.log" 2>&1; then
        mv "$bin/.$1.$$" "$bin/$1"
        rm -f "$bin/$1.log"
        say "$1 in $(($(date +%s) - begun)) s"
    else
        rm -f "$bin/.$1.$$"
        say "$1 could not be built; the tests that need it will be skipped. The last lines of $bin/$1.log:"
        tail -n 5 "$bin/$1.log"
    fi
}

mkdir -p "$bin" || { say "not built: $bin cannot be made"; exit 0; }

# Without these stamps helm believes in Kubernetes 1.20, and kubectl finds the server too new.
kube=$(required kubernetes k8s.io/kubernetes)
minor=$(printf %s "$kube" | cut -d. -f2)
stamp="-X k8s.io/component-base/version.gitVersion=$kube -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=$minor"
v3=helm.sh/helm/v3 v4=helm.sh/helm/v4
helm3="-X $v3/internal/version.version=$(required helm3 $v3) -X $v3/pkg/chartutil.k8sVersionMajor=1 -X $v3/pkg/chartutil.k8sVersionMinor=$minor"
helm4="-X $v4/internal/version.version=$(required helm4 $v4)"

build helm3 helm3 $v3/cmd/helm "$helm3"
build etcd etcd go.etcd.io/etcd/server/v3 ""
build kubectl kubernetes k8s.io/kubernetes/cmd/kubectl "$stamp"
build kube-apiserver kubernetes k8s.io/kubernetes/cmd/kube-apiserver "$stamp"
build kube-controller-manager kubernetes k8s.io/kubernetes/cmd/kube-controller-manager "$stamp"
build kube-scheduler kubernetes k8s.io/kubernetes/cmd/kube-scheduler "$stamp"
build kwok kwok sigs.k8s.io/kwok/cmd/kwok ""
build helm4 helm4 $v4/cmd/helm "$helm4"
exit 0
