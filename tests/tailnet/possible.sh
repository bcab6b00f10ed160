#!/bin/sh
# Whether this machine can run `make test-tailnet`: says why not, and exits with 1.
cd "$(dirname "$0")/tools" || exit 1
impossible() {
  echo "$1"
  exit 1
}
[ "$(uname)" = Linux ] || impossible "it needs Linux: network namespaces"
[ "$(id -u)" = 0 ] || impossible "it needs root: only root makes network namespaces"
for program in ip unshare nsenter setpriv; do
  command -v "$program" >/dev/null || impossible "there is no $program (Debian: apt install iproute2 util-linux)"
done
unshare --net ip link set lo up 2>/dev/null || impossible "this machine does not let root make network namespaces"
unshare --net ip link add possible type bridge 2>/dev/null || impossible "the kernel has no bridges"
command -v go >/dev/null || impossible "there is no Go toolchain, which builds tailscale and headscale"
go version >/dev/null 2>&1 || impossible "Go is older than tests/tailnet/tools/go.mod asks for"
