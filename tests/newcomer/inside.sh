#!/bin/sh
# What a newcomer types on a bare Debian: as root under a private umask below a private folder, then as a user.
set -eu
say() { printf 'newcomer: %s\n' "$*" >&2; }
tests=${TESTS:-tests/unit/devkit/run tests/integration/devkit/test_private_folders.py tests/integration/database}
[ "$tests" != all ] || tests=

free_port() { # the gateway's; the sandbox takes the next
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

running() { # whether a process of the run is left
  for process in /proc/[0-9]*; do
    if tr '\0' ' ' <"$process/cmdline" 2>/dev/null | grep -q -e "$PWD/.venv" -e "-D /proc/self/cwd"; then return 0; fi
  done
  return 1
}

umask 077
mkdir "/root/my work"
cd "/root/my work"
git clone --quiet /srv/proxyllm.git
cd proxyllm

say "root: make run, in $PWD"
PORT=$(free_port)
export PORT
make run >/tmp/run.log 2>&1 &
make=$! # ended by SIGTERM below, as a user's terminal or service manager would
waited=0
until [ -e .proxyllm/run.json ]; do
  if ! kill -0 "$make" 2>/dev/null || [ "$waited" = 600 ]; then
    cat /tmp/run.log >&2
    exit 1
  fi
  sleep 1
  waited=$((waited + 1))
done
python3 /srv/pay_and_call.py .proxyllm/run.json
kill -TERM "$make"
wait "$make" || true
if running; then
  say "something runs on after make run was stopped"
  exit 1
fi
if [ "$(stat -c %a /root)$(stat -c %a "/root/my work")" != 700700 ]; then
  say "make run has opened a private folder"
  exit 1
fi
grep "ready in" /tmp/run.log >&2
unset PORT

say "root: make test ARGS='$tests'"
make test ARGS="$tests"

say "an ordinary user: make test of the database"
useradd --create-home newcomer
cp -r /srv/proxyllm.git /home/newcomer/
chown -R newcomer: /home/newcomer
# Without root's cache of packages, in which this user may not write.
su newcomer -c 'set -e; cd; git clone --quiet proxyllm.git; cd proxyllm; unset UV_CACHE_DIR
  make test ARGS="tests/integration/devkit/test_postgres.py -k committed"'
userdel newcomer
