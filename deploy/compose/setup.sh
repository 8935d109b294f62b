#!/usr/bin/env bash
# Makes what docker-compose.yml runs: the keys of a zone, certificates for its three brokers, and a folder for each
# container with what that one may know. Usage:
#
#   deploy/compose/setup.sh [ZONE]      ZONE: a folder, deploy/compose/zone unless told otherwise
#
#   ZONE/authority    the data folder with the keys of governors, issuer and operator; no container sees it
#   ZONE/tls          certificates of brokers and console, and their authority
#   ZONE/people       a certificate for a browser, by which the console knows who looks
#   ZONE/files        what the file tool acts upon; executors share it
#   ZONE/<container>  one folder each, mounted by docker-compose.yml
#   ZONE/compose.env  for docker-compose --env-file
#
# Safe to repeat: keys, stores and settings that are there stay. Repeat it after `portcullis enroll` and after a release: it
# brings records, certificates and the brokers' configurations up to date.
set -euo pipefail
umask 077
cd "$(dirname "$0")/../.."

portcullis=${PORTCULLIS:-bin/portcullis}
zone=${1:-deploy/compose/zone}
enforcers=(e1 e2 e3)
executors=(x1 x2)
governor=g1 # over whose connection the console carries what governors have signed
person=ops  # whose certificate opens the console

fail() {
  echo "setup: $*" >&2
  exit 1
}

[[ -x $portcullis ]] || fail "$portcullis is not there; run make build, or name another with PORTCULLIS"
mkdir -p "$zone"
zone=$(cd "$zone" && pwd)
authority=$zone/authority

# Containers run as a user without a name or, where root does not set them up, as whoever does: files of keys must be
# their own user's, and only root can give files away.
uid=$(id -u) gid=$(id -g)
if [[ $uid == 0 ]]; then uid=65532 gid=65532; fi

urls=() hosts=()
for n in 1 2 3; do
  urls+=("tls://broker-$n:4222")
  hosts+=(--host "broker-$n")
done

# replace FROM TO: puts a file in its place whole; a container reads the old one or the new one.
replace() {
  mkdir -p "$(dirname "$2")"
  cp "$1" "$2.new"
  mv -f "$2.new" "$2"
}

# public FOLDER: a data folder with what everybody may know.
public() {
  local to=$1 file
  replace "$authority/fabric.json" "$to/fabric.json"
  replace "$authority/broker-ca.pem" "$to/broker-ca.pem"
  for file in "$authority"/records/*.binpb; do replace "$file" "$to/records/${file##*/}"; done
}

# part ROLE NAME: the data folder of one participant. Records are public among participants; keys are its own only.
part() {
  local role=$1 name=$2 to=$zone/$1-$2 file
  public "$to"
  for file in "$authority/participants/$role/$name"/*; do
    [[ ! -f $file ]] || replace "$file" "$to/participants/$role/$name/${file##*/}"
  done
  if [[ -d $authority/participants/$role/$name/sealing ]]; then
    rm -rf "$to/participants/$role/$name/sealing"
    cp -r "$authority/participants/$role/$name/sealing" "$to/participants/$role/$name/sealing"
  fi
}

broker() {
  local n=$1 to=$zone/broker-$1 text
  mkdir -p "$to/store"
  for file in ca.pem "server-$n.pem" "server-$n.key"; do replace "$zone/tls/$file" "$to/$file"; done
  text=$("$portcullis" broker config --data "$authority" --number "$n" --tls "$zone/tls" --listen 0.0.0.0:4222 --store /broker/store)
  # In the container the certificates stand beside the configuration; health is asked for on its loopback alone.
  {
    printf '%s\n' "${text//"$zone/tls/"//broker/}"
    printf 'http: "127.0.0.1:8222"\n'
  } >"$to/broker.conf.new"
  mv -f "$to/broker.conf.new" "$to/broker.conf"
}

# console: the folder of what people look at. It has a governor's key to the broker, and no key that signs.
console() {
  local to=$zone/console file
  public "$to"
  for file in nats.nk nats.pub; do replace "$authority/governors/$governor/$file" "$to/governors/$governor/$file"; done
  replace "$zone/tls/ca.pem" "$to/tls/ca.pem"
  replace "$zone/tls/server-4.pem" "$to/tls/console.pem"
  replace "$zone/tls/server-4.key" "$to/tls/console.key"
  replace "$authority/issuer/ca.pem" "$to/tls/people.pem"
}

# person: who looks at the console is an auditor; what a browser needs of that is in ZONE/people.
person() {
  local from=$authority/participants/auditor/$person to=$zone/people
  if [[ ! -d $from ]]; then "$portcullis" enroll auditor "$person" --data "$authority" >/dev/null; fi
  replace "$from/svid.pem" "$to/$person.pem"
  replace "$from/svid.key" "$to/$person.key"
}

# witness NAME: makes its keys where they will be used, makes it known, and tells it what it is to follow.
witness() {
  local name=$1 to=$zone/witness-$1 verifier line origin keys logs=() all
  if [[ ! -s $to/verifier ]]; then
    verifier=$("$portcullis" witness keygen --dir "$to" --name "portcullis.local/$name")
    printf '%s\n' "$verifier" >"$to/verifier"
  fi
  verifier=$(<"$to/verifier")
  while IFS= read -r line; do
    [[ $line == "  "*"="* ]] || continue
    line=${line#  }
    origin=${line%%=*}
    keys=${line#*=}
    logs+=("{\"origin\":\"$origin\",\"keys\":[\"${keys//,/\",\"}\"]}")
  done < <("$portcullis" enroll witness "$name" --verifier "$verifier" --data "$authority" 2>/dev/null)
  ((${#logs[@]})) || fail "nobody told what witness $name is to follow; run: $portcullis enroll witness $name --verifier $verifier --data $authority"
  printf -v all ',%s' "${logs[@]}"
  printf '{"logs":[%s]}\n' "${all#,}" >"$to/logs.json.new"
  mv -f "$to/logs.json.new" "$to/logs.json"
}

"$portcullis" broker tls --out "$zone/tls" "${hosts[@]}" --host console >/dev/null
"$portcullis" init --data "$authority" --servers "$(IFS=, && echo "${urls[*]}")" --replicas 3 --tls-ca "$zone/tls/ca.pem" \
  --enforcers ${#enforcers[@]} --k 2 --executors ${#executors[@]} >/dev/null
witness w1
person

for n in 1 2 3; do broker "$n"; done
for name in "${enforcers[@]}"; do part enforcer "$name"; done
console
part sentinel s1
part recorder r1
mkdir -p "$zone/recorder-r1/recorder"
if [[ ! -e $zone/recorder-r1/evidence.yaml ]]; then
  printf 'witnesses:\n  - {name: w1, url: "http://witness-w1:7380"}\n' >"$zone/recorder-r1/evidence.yaml"
fi
for name in "${executors[@]}"; do
  part executor "$name"
  [[ -e $zone/executor-$name/tools.yaml ]] || replace "$authority/tools.yaml" "$zone/executor-$name/tools.yaml"
  mkdir -p "$zone/executor-$name"/{run,files}
done
if [[ ! -d $zone/files ]]; then cp -r "$authority/files" "$zone/files"; fi

for n in 1 2 3; do chown -R "$uid:$gid" "$zone/broker-$n"; done
chown -R "$uid:$gid" "$zone"/{enforcer,executor,sentinel,recorder,witness}-* "$zone/console" "$zone/files"
# Folders of keys are their user's alone; the way to them must be open to that user.
if [[ $(id -u) == 0 ]]; then chmod 711 "$zone"; fi

cat >"$zone/compose.env" <<ENV
PORTCULLIS_ZONE=$zone
PORTCULLIS_UID=$uid
PORTCULLIS_GID=$gid
ENV
echo "a zone is in $zone"
echo "next: docker-compose --env-file $zone/compose.env up -d && deploy/compose/found.sh $zone"
