#!/bin/sh
# Whether this machine can run `make test-newcomer`: says why not, and exits with 1.
impossible() {
  echo "$1"
  exit 1
}
[ "$(uname)" = Linux ] || impossible "it needs Linux: it makes a Debian to start in"
[ "$(id -u)" = 0 ] || impossible "it needs root: only root lays out file systems"
for program in debootstrap unshare chroot git; do
  command -v "$program" >/dev/null || impossible "there is no $program (Debian: apt install debootstrap git)"
done
unshare --mount --pid --fork mount -t tmpfs tmpfs /mnt 2>/dev/null || impossible "this machine does not let root mount"
