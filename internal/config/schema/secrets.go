package schema

import "hookaido/internal/config"

func secretsRow() *Directive {
	entry := &Block{Name: "secret", Title: "secret", Help: "One version of a secret. Several versions that are listed together make a rotation.", Rows: []*Directive{
		{Name: "value", DefaultHelp: "none; needed without `runtime on`", Args: []Arg{{Name: "REF", Kind: secretKind()}}, Field: "secret.value",
			Help: "Where the secret is kept.", Example: "value env:KEY_A"},
		{Name: "valid_from", DefaultHelp: "none; needed with `value`", Args: []Arg{{Name: "TIME", Kind: timeKind()}}, Field: "secret.valid_from",
			Help: "First moment of validity.", Example: "valid_from 2026-01-01T00:00:00Z"},
		{Name: "valid_until", DefaultHelp: "no end", Args: []Arg{{Name: "TIME", Kind: timeKind()}}, Field: "secret.valid_until",
			Help: "First moment after the validity.", Example: "valid_until 2026-07-01T00:00:00Z"},
		{Name: "runtime", Args: []Arg{{Name: "BOOL", Kind: boolKind()}}, Default: "off", Field: "secret.runtime",
			Help: "Lets the admin API add versions at `/secrets/ID`, and delete them. They are kept in the database, encrypted with the key in HOOKAIDO_SECRET_ENCRYPTION_KEY; `value` is the first one.", Example: "runtime on"},
		{Name: "max_versions", Args: []Arg{{Name: "N", Kind: intKind(1, maxInt)}}, Default: "32", Field: "secret.max_versions",
			Help: "How many versions the admin API may add; only with `runtime on`.", Example: "max_versions 6"},
	}}
	block := &Block{Name: "secrets", Title: "secrets", Help: "Only `secret` entries stand here.", Rows: []*Directive{
		{Name: "secret", Form: Braces, Block: entry, Repeat: true, Field: "secrets.secret",
			Args: []Arg{{Name: "ID", Kind: textKind("id"), Field: "secret.id"}},
			Help: "A version of a secret with an id of its own.", Example: "secret a { value env:KEY_A valid_from 2026-01-01T00:00:00Z }"},
	}}
	return &Directive{Name: "secrets", Form: Braces, Block: block,
		Help:    "Secrets with a name and a time of validity, for rotation.",
		Example: "secrets { secret month-07 { value env:K7 valid_from 2026-07-01T00:00:00Z } }"}
}

// secretIDKind is the id of a secret where a route names it.
func secretIDKind() Kind {
	return Kind{Name: "id", Form: "the id of a secret of the block secrets", Parse: func(text string) (any, *Problem) {
		if text == "" {
			return bad("write the id of a secret", "the id is empty")
		}
		return config.SecretName{ID: text}, nil
	}}
}
