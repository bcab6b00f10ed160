#!/bin/sh
# Does what a newcomer does, on a Debian with nothing but what README.md names: run.sh FOLDER [TESTS]
# FOLDER keeps that Debian for the next time. TESTS: what of `make test` to run; with the word `all`, all of it.
# Everything inside is in namespaces of its own, so that nothing of it runs on or stays mounted.
set -eu
folder=${1:?the folder to work in}
tests=${2:-}
here=$(cd "$(dirname "$0")/../.." && pwd)
suite=bookworm
named="git,make,python3-venv" # by README.md

if [ -z "${IN_NAMESPACES:-}" ]; then
  IN_NAMESPACES=yes exec unshare --mount --pid --fork --kill-child -- "$0" "$@"
fi
mkdir -p "$folder"
root=$(cd "$folder" && pwd)/$suite

say() { printf 'newcomer: %s\n' "$*" >&2; }

if [ ! -e "$root/made-of" ] || [ "$(cat "$root/made-of")" != "$named" ]; then
  say "making $root with debootstrap"
  rm -rf "$root"
  debootstrap --variant=minbase --include="ca-certificates,$named" "$suite" "$root" >"$folder/debootstrap.log" 2>&1 ||
    { tail -5 "$folder/debootstrap.log" >&2; exit 1; }
  echo "$named" >"$root/made-of"
fi

# As a container has it: its own /proc, devices and memory; this machine's resolver and authorities.
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/tmp"
mount -t tmpfs tmpfs "$root/root"
mount -t tmpfs tmpfs "$root/home"
cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
cp -L "${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}" "$root/etc/ssl/certs/ca-certificates.crt"
chmod 700 "$root/root"
if [ "$tests" = all ] && [ ! -e "$root/usr/bin/chromium" ]; then # by README.md, for the browser tests
  say "installing chromium"
  chroot "$root" apt-get update -qq # debootstrap itself cannot choose among what provides a package
  DEBIAN_FRONTEND=noninteractive chroot "$root" apt-get install -y -qq --no-install-recommends chromium >/dev/null
fi
git clone --quiet --bare "$here" "$root/srv/proxyllm.git.new"
rm -rf "$root/srv/proxyllm.git" "$root/var/cache/proxyllm"
mv "$root/srv/proxyllm.git.new" "$root/srv/proxyllm.git"
cp "$here"/tests/newcomer/inside.sh "$here"/tests/newcomer/pay_and_call.py "$root/srv/"

# Packages come from where this machine gets them, and what it has already is not fetched again.
packages=$(mktemp -d "$root/var/cache/packages.XXXXXX")
index=${PIP_INDEX_URL:-$(python3 -m pip config get global.index-url 2>/dev/null || true)}
mkdir -p "$HOME/.cache/uv"
mount --bind "$HOME/.cache/uv" "$packages"
inside=/etc/ssl/certs/ca-certificates.crt
set -- HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb LANG=C.UTF-8 \
  SSL_CERT_FILE=$inside PIP_CERT=$inside NODE_EXTRA_CA_CERTS=$inside TESTS="$tests" \
  UV_CACHE_DIR="${packages#"$root"}"
[ -z "$index" ] || set -- "$@" PIP_INDEX_URL="$index" UV_DEFAULT_INDEX="$index"
registry=$(npm config get registry 2>/dev/null || true)
[ -z "$registry" ] || set -- "$@" NPM_CONFIG_REGISTRY="$registry"
for name in HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy https_proxy no_proxy CI; do
  value=$(printenv "$name" || true)
  [ -z "$value" ] || set -- "$@" "$name=$value"
done
chroot "$root" env -i "$@" /bin/sh /srv/inside.sh
umount "$packages"
rmdir "$packages"
