# Steps that the scripts of the .deb and the .rpm share. Read by sh, and each step
# may be repeated.

# The user of the service, by sysusers.d or, where there is none, by useradd.
hookaido_user() {
	if command -v systemd-sysusers >/dev/null 2>&1; then
		systemd-sysusers hookaido.conf >/dev/null 2>&1 || true
	fi
	if ! getent group hookaido >/dev/null; then
		groupadd --system hookaido
	fi
	if ! getent passwd hookaido >/dev/null; then
		useradd --system --gid hookaido --home-dir /var/lib/hookaido --no-create-home \
			--shell /usr/sbin/nologin --comment "Hookaido webhook queue" hookaido
	fi
}

# The folders that must be there before the units start.
hookaido_folders() {
	install -d -m 0700 -o hookaido -g hookaido /var/lib/hookaido
	install -d -m 0700 -o root -g root /etc/hookaido/secrets
	if [ -d /run/systemd/system ]; then
		install -d -m 0750 -o hookaido -g hookaido /run/hookaido
	fi
}

# A random secret of 32 bytes in hex for each name that has none yet. It is
# renamed into place, so that no half-written secret is ever read.
hookaido_secrets() {
	for name in github-webhook pull-token; do
		file=/etc/hookaido/secrets/$name
		if [ -e "$file" ] || [ -L "$file" ]; then
			continue
		fi
		(
			umask 077
			od -An -v -N32 -tx1 /dev/urandom | tr -d ' \n' >"$file.new"
			echo >>"$file.new"
		)
		if [ "$(wc -c <"$file.new")" -ne 65 ]; then
			rm -f "$file.new"
			return 1
		fi
		mv "$file.new" "$file"
	done
}

# Whether the program as it is installed now can use the configuration, seen
# with the environment of the daemon that runs. If not it says why: this is the
# one step that prints something. What can't be found out counts as yes.
hookaido_usable() {
	pid=$(systemctl show --property MainPID --value hookaido.service 2>/dev/null) || return 0
	[ "${pid:-0}" -gt 0 ] && [ -r "/proc/$pid/environ" ] || return 0
	code=0
	# The daemon can write there, so only what sets a variable is taken from it,
	# and root doesn't run with that.
	said=$(cd / && grep -zaE '^[A-Za-z_][A-Za-z0-9_]*=' "/proc/$pid/environ" |
		xargs -0 setpriv --reuid hookaido --regid hookaido --init-groups --no-new-privs \
			sh -c 'exec env -i "$@" /usr/bin/hookaido config validate 2>&1' sh) || code=$?
	# xargs says so when the program ended with 1 to 125.
	[ "$code" -eq 123 ] || return 0
	{
		echo "hookaido: the new version can't use the configuration, so the one before runs on:"
		printf '%s\n' "$said" | sed 's/^/  /'
		echo "hookaido: mend this, then start the new version with: systemctl restart hookaido"
	} >&2
	return 1
}
