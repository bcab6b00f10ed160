#!/bin/sh
# Whether this machine can run `make test-image`: says why not, and exits with 1.
impossible() {
  echo "$1"
  exit 1
}
[ "$(uname)" = Linux ] || impossible "it needs Linux: the image is for it"
[ "$(id -u)" = 0 ] || impossible "it needs root: only root lays out file systems"
for program in buildah debootstrap unshare chroot; do
  command -v "$program" >/dev/null || impossible "there is no $program (Debian: apt install buildah debootstrap)"
done
unshare --mount --pid --fork mount -t tmpfs tmpfs /mnt 2>/dev/null || impossible "this machine does not let root mount"
command -v go >/dev/null || impossible "there is no Go toolchain, which builds tailscale for the stand-in of its image"
