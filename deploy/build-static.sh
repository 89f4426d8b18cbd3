#!/usr/bin/env bash
# Builds promlink as one static file that needs nothing around it: no libc, no /dev, no /proc, no /tmp.
#
#   deploy/build-static.sh [PROFILE] [ARCHITECTURE]
#
# PROFILE is `release` (default) or `dev`; ARCHITECTURE is `amd64` or `arm64` (default: this machine's).
# Prints the path of the binary. deploy/Dockerfile, the release workflow and tests/run all build with this
# script, so that what is tested is what ships.
set -euo pipefail
cd "$(dirname "$0")/.."

profile=${1:-release}
case ${2:-$(uname -m)} in
  amd64 | x86_64) target=x86_64-unknown-linux-gnu ;;
  arm64 | aarch64) target=aarch64-unknown-linux-gnu ;;
  *) echo "build-static.sh: no such architecture: ${2:-$(uname -m)}; amd64 or arm64" >&2; exit 64 ;;
esac

# For another architecture: `rustup target add TARGET`, and the cross compiler gcc-TRIPLE of Debian.
triple=${target/-unknown/}
if [ "${target%%-*}" != "$(uname -m)" ]; then
  command -v "$triple-gcc" >/dev/null || {
    echo "build-static.sh: no $triple-gcc: install the package gcc-${triple//_/-} and libc6-dev-${2}-cross" >&2
    exit 1
  }
  linker=CARGO_TARGET_${target//-/_}_LINKER
  export "${linker^^}=$triple-gcc"
fi

flags=(
  # glibc rather than musl: its allocator is the one that the README's numbers were measured with.
  -C target-feature=+crt-static
  # Addresses to be corrected at the start, as a bitmap: a third of a megabyte less.
  -C link-arg=-Wl,-z,pack-relative-relocs
  # A static glibc has no dlsym, so getrandom would look for /dev/urandom instead of asking the kernel.
  --cfg 'getrandom_backend="linux_getrandom"'
)
# The same bytes from any folder: no path of the machine that built it.
cargo fetch --locked --target "$target" >&2
for crates in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*; do
  flags+=("--remap-path-prefix=$crates=/crates")
done
flags+=("--remap-path-prefix=$PWD=/promlink")
CARGO_ENCODED_RUSTFLAGS=$(IFS=$'\x1f'; echo "${flags[*]}")
export CARGO_ENCODED_RUSTFLAGS

cargo build --locked --bin promlink --profile "$profile" --target "$target" >&2
echo "${CARGO_TARGET_DIR:-target}/$target/${profile/#dev/debug}/promlink"
