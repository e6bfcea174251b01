#!/usr/bin/env bash
# Four hospitals on this machine, as they would do it on four: homes, cards, a
# roster that all sign, four nodes. One is killed in the middle and started again.
#
#   examples/federation.sh [FOLDER]     a new folder for the homes; kept
set -euo pipefail
cd "$(dirname "$0")/.."
dir=${1:-$(mktemp -d)}
mkdir -p "$dir"
CGO_ENABLED=0 go build -o "$dir/hospital-node" ./cmd/hospital-node
cd "$dir"
hospitals="north south east west"
port=${PORT:-4100}

for h in $hospitals; do
  port=$((port + 1))
  ./hospital-node init --home "$h" --listen "/ip4/127.0.0.1/tcp/$port"
  ./hospital-node id --home "$h" >"$h.card"
done
./hospital-node cluster new --federation example north.card south.card east.card west.card
for h in $hospitals; do ./hospital-node cluster sign --home "$h" roster.toml; done
printf 'task = "synthetic"\nrounds = 100\ntick = "20ms"\n' >study.toml

run() { ./hospital-node run --home "$1" --roster roster.toml --study study.toml --quiet >"$1.out"; }
for h in north south west; do run "$h" & done
./hospital-node run --home east --roster roster.toml --study study.toml --quiet &
east=$!
until [ -e east/status.json ]; do :; done
sleep 1
kill -9 "$east"
wait "$east" 2>/dev/null || echo "east was killed"
run east &
wait

for h in south east west; do cmp north/model.json "$h/model.json"; done
cat east.out
echo "All four hold the same model, in $dir/*/model.json."
