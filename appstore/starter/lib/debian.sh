# Debian packages without installing them: resolve with a private apt, download, unpack.
# Needs from its caller: $work (a scratch folder), $cache (a folder that is kept), $here, say(), fail().

suite=trixie

# Sets mirror and security_mirror from the apt sources of this machine, unless the environment has them.
find_mirrors() {
    local machine_suite
    mirror=${HEARTH_DEBIAN_MIRROR-}
    security_mirror=${HEARTH_DEBIAN_SECURITY_MIRROR-}
    machine_suite=$(. /etc/os-release && echo "${VERSION_CODENAME-}")
    [[ $mirror ]] || mirror=$(machine_source "$machine_suite")
    [[ $security_mirror ]] || security_mirror=$(machine_source "$machine_suite-security")
    [[ $mirror ]] || fail "no Debian archive among this machine's apt sources; set HEARTH_DEBIAN_MIRROR to one"
}

# Prints the first archive that this machine's apt reads suite $1 from.
machine_source() {
    apt-get indextargets --format '$(CREATED_BY) $(CODENAME) $(REPO_URI)' |
        awk -v suite="$1" '$1 == "Packages" && $2 == suite { print $3; exit }'
}

# Makes a private apt below $work/apt that has no package installed, and reads the archive's lists.
prepare_apt() {
    apt=$work/apt
    mkdir -p "$apt"/etc/{parts,preferences.d} "$apt/state/lists/partial" "$cache/debs"
    local keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    [[ -e $keyring ]] || fail "$keyring is missing; Debian has it as package debian-archive-keyring"
    {
        echo "deb [signed-by=$keyring] $mirror $suite main"
        echo "deb [signed-by=$keyring] $mirror $suite-updates main"
        [[ ! $security_mirror ]] || echo "deb [signed-by=$keyring] $security_mirror $suite-security main"
    } >"$apt/etc/sources.list"
    # Proxies and the like of this machine hold here too; its hooks do not.
    apt-config dump Acquire | grep -v '::IndexTargets::\|::$\|""' >"$apt/apt.conf" || true
    cat >>"$apt/apt.conf" <<CONF
Dir::Etc "$apt/etc";
Dir::Etc::parts "parts";
Dir::State "$apt/state";
Dir::Cache "$apt";
APT::Architecture "$(dpkg --print-architecture)";
APT::Install-Recommends "false";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "3";
CONF
    : >"$apt/empty"
    private_apt "$apt/empty" apt-get --quiet=2 update || fail "the package lists of $mirror could not be read"
}

# Runs an apt program as if the packages in status file $1 were installed.
private_apt() {
    local status=$1
    shift
    APT_CONFIG=$apt/apt.conf "$1" -o "Dir::State::status=$status" "${@:2}"
}

# Prints what must be installed beyond status file $1 for packages $2…, one line each: name=version and the file it will be in.
# A word -package is left out, as if it were installed.
resolve() {
    local status wanted=() word
    status=$(mktemp "$work/status.XXXXXX")
    cat "$1" >"$status"
    status_of_left_out "${@:2}" >>"$status"
    for word in "${@:2}"; do
        [[ $word == -* ]] || wanted+=("$word")
    done
    private_apt "$status" apt-get --quiet=2 --simulate install "${wanted[@]}" >"$status.apt" ||
        fail "these packages cannot be had together: ${wanted[*]}"
    sed -En 's/^Inst ([^ :]+)(:[^ ]+)? (\[[^]]*\] )?\(([^ ]+) .*\[([^]]+)\].*/\1 \4 \5/p' "$status.apt" |
        while read -r name version architecture; do
            echo "$name=$version $cache/debs/${name}_${version/:/%3a}_$architecture.deb"
        done | sort
}

# Downloads what files $@, written by resolve, name and is not there yet.
download() {
    local package file missing=()
    while read -r package file; do
        [[ -s $file ]] || missing+=("$package")
    done < <(sort --unique "$@")
    ((${#missing[@]} > 0)) || return 0
    say "downloading ${#missing[@]} packages"
    (cd "$cache/debs" && private_apt "$apt/empty" apt-get --quiet=2 download "${missing[@]}") ||
        fail "packages could not be downloaded from $mirror"
}

# Prints status entries for the words of $@ that are -package.
status_of_left_out() {
    local word
    for word; do
        [[ $word == -* ]] || continue
        printf '%s\n' "Package: ${word#-}" "Status: install ok installed" "Architecture: $(dpkg --print-architecture)" \
            "Multi-Arch: foreign" "Version: 999:0" "Maintainer: none" "Description: left out" ""
    done
}

# Unpacks package files $2… into folder $1, without documentation, translations and what only an installed system uses.
unpack() {
    local root=$1 deb name
    shift
    mkdir -p "$root"/usr/{bin,lib,lib64,sbin} "$root/var/lib/dpkg/status.d"
    for name in bin lib lib64 sbin; do
        ln -s "usr/$name" "$root/$name"
    done
    for deb; do
        dpkg-deb --fsys-tarfile "$deb" | tar --extract --directory "$root" --keep-directory-symlink --no-same-owner \
            --wildcards --exclude-from "$here/lib/left-out"
        name=$(dpkg-deb --field "$deb" Package)
        # Scanners for known vulnerabilities read this folder.
        dpkg-deb --field "$deb" >"$root/var/lib/dpkg/status.d/$name"
    done
}

# Prints the status file of a system that has package files $@ installed.
status_of() {
    local deb
    for deb; do
        dpkg-deb --field "$deb" | sed '1a Status: install ok installed'
        echo
    done
}

# Prints the upstream version of package $1 among package files $2…: no epoch, no Debian revision.
upstream_version() {
    local name=$1 deb version
    shift
    for deb; do
        [[ ${deb##*/} == "${name}"_* ]] || continue
        version=$(dpkg-deb --field "$deb" Version)
        version=${version#*:}
        echo "${version%%[-+~]*}"
        return
    done
    fail "package $name is not in the image that is named after its version"
}
