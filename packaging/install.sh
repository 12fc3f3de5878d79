# Steps that the scripts of the .deb and the .rpm share. Read by sh, prints
# nothing, and each step may be repeated.

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
