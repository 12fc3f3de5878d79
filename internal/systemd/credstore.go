package systemd

import "path/filepath"

// Credstore has the places where the secrets of the service are kept, each in a
// file of its own. hookaido-generator hands them to the service under their
// names.
type Credstore struct {
	// Encrypted is the folder of files that systemd-creds made; only this
	// machine reads them. The folder is for all services, so that the names of
	// ours begin with CredentialPrefix.
	Encrypted string
	// Plain is the folder of files that root alone may read.
	Plain string
}

// CredentialPrefix is in front of the names of encrypted files.
const CredentialPrefix = "hookaido."

// SystemCredstore returns the places of the package.
func SystemCredstore() Credstore {
	return Credstore{Encrypted: "/etc/credstore.encrypted", Plain: "/etc/hookaido/secrets"}
}

// EncryptedPath returns where the secret of a name is kept encrypted.
func (c Credstore) EncryptedPath(name string) string {
	return filepath.Join(c.Encrypted, CredentialPrefix+name)
}

// PlainPath returns where the secret of a name is kept in plain text.
func (c Credstore) PlainPath(name string) string { return filepath.Join(c.Plain, name) }
