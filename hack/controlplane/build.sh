#!/usr/bin/env bash
# Builds the embedded control plane (etcd, kube-apiserver,
# kube-controller-manager, kubectl) from the modules pinned in go.mod into
# bin/controlplane of the repository. When the binaries there are current it
# does nothing.
#
# CONTROLPLANE_ASSETS=DIR skips the build: DIR must hold all four binaries. The
# test/controlplane package reads the same variable.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
out="$(cd "${here}/../.." && pwd)/bin/controlplane"
packages=(
  go.etcd.io/etcd/server/v3
  k8s.io/kubernetes/cmd/kube-apiserver
  k8s.io/kubernetes/cmd/kube-controller-manager
  k8s.io/kubernetes/cmd/kubectl
)

# The workspace and module settings of the caller must not change what is built.
# Without cgo the binaries need neither a C compiler nor the host's libraries.
export GOWORK=off CGO_ENABLED=0
cd "${here}"

# binary_name PACKAGE: the name the binary is installed under.
binary_name() {
  case "$1" in
    go.etcd.io/etcd/server/v3) echo etcd ;;
    *) basename "$1" ;;
  esac
}

# all_present DIR: whether DIR holds every binary; names the missing ones.
all_present() {
  local package name missing=()
  for package in "${packages[@]}"; do
    name="$(binary_name "${package}")"
    [[ -x "$1/${name}" ]] || missing+=("${name}")
  done
  [[ ${#missing[@]} -eq 0 ]] || { echo "missing in $1: ${missing[*]}"; return 1; }
}

sha256() {
  if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi
}

# fingerprint: changes whenever the binaries have to be built again.
fingerprint() {
  { cat go.mod go.sum build.sh; go env GOVERSION GOOS GOARCH; } | sha256 | cut -d' ' -f1
}

# version_flags: the linker flags by which the Kubernetes binaries know their
# own version. Without them the API server would not say which API it serves.
version_flags() {
  local version major minor package
  version="$(go list -m -f '{{.Version}}' k8s.io/kubernetes)"
  IFS=. read -r major minor _ <<<"${version#v}"
  for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
    printf -- '-X %s.gitVersion=%s -X %s.gitMajor=%s -X %s.gitMinor=%s ' \
      "${package}" "${version}" "${package}" "${major}" "${package}" "${minor}"
  done
}

# build PACKAGE NAME FLAGS: builds beside the target and renames, so that two
# builds at once, or an interrupted one, never leave half a binary.
build() {
  local partial="${out}/.$2.$$"
  if ! go build -trimpath -ldflags "-s -w $3" -o "${partial}" "$1" >"${partial}.log" 2>&1; then
    printf 'failed\n'
    cat "${partial}.log" >&2
    rm -f "${partial}" "${partial}.log"
    return 1
  fi
  rm -f "${partial}.log"
  mv -f "${partial}" "${out}/$2"
}

build_all() {
  local flags package name started i=0
  flags="$(version_flags)"
  echo "building the embedded control plane (about four minutes the first time)"
  for package in "${packages[@]}"; do
    name="$(binary_name "${package}")"
    started=${SECONDS}
    i=$((i + 1))
    printf '[%d/%d] %s … ' "${i}" "${#packages[@]}" "${name}"
    build "${package}" "${name}" "${flags}"
    printf '%ds\n' "$((SECONDS - started))"
  done
}

if [[ -n "${CONTROLPLANE_ASSETS:-}" ]]; then
  all_present "${CONTROLPLANE_ASSETS}"
  echo "using the control plane in ${CONTROLPLANE_ASSETS}"
  exit 0
fi

stamp="$(fingerprint)"
if [[ "$(cat "${out}/.stamp" 2>/dev/null)" == "${stamp}" ]] && all_present "${out}" >/dev/null; then
  exit 0
fi
mkdir -p "${out}"
build_all
echo "${stamp}" >"${out}/.stamp"
