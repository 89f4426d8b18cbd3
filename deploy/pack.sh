#!/usr/bin/env bash
# Packs the binaries of a release: one archive for each architecture, the same bytes whoever packs them.
#
#   SOURCE_DATE_EPOCH=SECONDS deploy/pack.sh FOLDER VERSION
#
# FOLDER has linux_amd64/promlink and linux_arm64/promlink, as `docker buildx build --target binary --output`
# leaves them; the archives are put beside them.
set -euo pipefail
folder=$(realpath "$1")
version=$2
cd "$(dirname "$0")/.."
for architecture in amd64 arm64; do
  name=promlink-$version-linux-$architecture
  mkdir -p "$folder/$name"
  cp "$folder/linux_$architecture/promlink" deploy/promlink.service LICENSE "$folder/$name"
  chmod 755 "$folder/$name/promlink"
  tar --create --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner \
    --directory "$folder" "$name" | gzip --no-name --best > "$folder/$name.tar.gz"
done
