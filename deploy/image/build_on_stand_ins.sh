#!/bin/sh
# Builds Dockerfile.railway where no image registry can be reached: build_on_stand_ins.sh FOLDER PROGRAMS
# The base images are stand-ins of the same names: Debian by debootstrap, and tailscale with PROGRAMS/tailscale{,d}.
# What it needs, possible.sh looks for. FOLDER keeps the stand-ins and the storage for the next time.
set -eu
folder=${1:?the folder to work in}
programs=$(cd "${2:?the folder with tailscale and tailscaled}" && pwd)
here=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)

say() { printf 'image: %s\n' "$*" >&2; }

# Overlays where the kernel gives them to us; else whole copies, and then as few of them as can be.
driver=vfs layers=--layers=false
if mkdir -p "$folder/try/l" "$folder/try/u" "$folder/try/w" "$folder/try/m" && mount -t overlay overlay \
  -o "lowerdir=$folder/try/l,upperdir=$folder/try/u,workdir=$folder/try/w" "$folder/try/m" 2>/dev/null; then
  umount "$folder/try/m"
  driver=overlay layers=--layers
fi
rm -rf "$folder/try"
echo "$driver" >"$folder/driver"
export BUILDAH_ISOLATION=chroot
store() { buildah --storage-driver "$driver" --root "$folder/storage" --runroot "$folder/run" "$@"; }
name_of() { sed -n "s/^ARG $1=\(.*\)@sha256:.*/\1/p" "$here/Dockerfile.railway"; } # without its digest
python_image=$(name_of PYTHON_IMAGE)
tailscale_image=$(name_of TAILSCALE_IMAGE)
authorities=${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}

commit() { # commit CONTAINER NAME
  store commit --quiet --format docker "$1" "$2" >/dev/null
  store rm "$1" >/dev/null
}

if ! store inspect --type image "$python_image" >/dev/null 2>&1; then
  say "making $python_image with debootstrap"
  rm -rf "$folder/debian"
  debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates,netbase,tzdata \
    trixie "$folder/debian" >"$folder/debootstrap.log" 2>&1 || { tail -5 "$folder/debootstrap.log" >&2; exit 1; }
  rm -rf "$folder/debian/var/cache/apt" "$folder/debian/var/lib/apt/lists" "$folder/debian/usr/share/doc"
  cp "$authorities" "$folder/debian/etc/ssl/certs/ca-certificates.crt"
  container=$(store from scratch)
  store add --quiet "$container" "$folder/debian" / >/dev/null
  rm -rf "$folder/debian"
  # This machine's authorities and mirrors: what the real image finds in its own files.
  inside=/etc/ssl/certs/ca-certificates.crt
  for name in SSL_CERT_FILE PIP_CERT NODE_EXTRA_CA_CERTS; do store config --env "$name=$inside" "$container"; done
  index=${PIP_INDEX_URL:-$(python3 -m pip config get global.index-url 2>/dev/null || true)}
  [ -z "$index" ] || store config --env "PIP_INDEX_URL=$index" --env "UV_DEFAULT_INDEX=$index" "$container"
  registry=$(npm config get registry 2>/dev/null || true)
  [ -z "$registry" ] || store config --env "NPM_CONFIG_REGISTRY=$registry" "$container"
  commit "$container" "$python_image"
fi

if ! store inspect --type image "$tailscale_image" >/dev/null 2>&1; then
  say "making $tailscale_image"
  container=$(store from scratch)
  store copy --quiet "$container" "$programs/tailscale" "$programs/tailscaled" /usr/local/bin/ >/dev/null
  commit "$container" "$tailscale_image"
fi

build() {
  store build --quiet --format docker "$layers" --pull-never --tag proxyllm \
    --build-arg "PYTHON_IMAGE=$python_image" --build-arg "TAILSCALE_IMAGE=$tailscale_image" \
    --build-arg "REVISION=$(git -C "$here" rev-parse HEAD)" \
    --file "$here/Dockerfile.railway" "$here" >"$folder/build.log" 2>&1
}

say "building"
attempts=1
until build; do
  # Under load buildah 1.28 sometimes cannot seal the copy of itself that it runs each step with.
  if [ "$attempts" = 5 ] || ! grep -q "sealing memfd copy" "$folder/build.log"; then
    tail -20 "$folder/build.log" >&2
    exit 1
  fi
  attempts=$((attempts + 1))
  say "buildah could not start a step; going on from there"
done
say "built proxyllm"
