package schema

func authRows() []*Directive {
	password := Kind{Name: "text", Form: "text", Free: true, Secret: true}
	id := []Arg{{Name: "ID", Kind: laterKind("id", "the id of a secret")}}
	hmac := hmacBlock()
	return []*Directive{
		{Name: "auth basic", Args: []Arg{{Name: "USER", Kind: laterKind("user", "text")}, {Name: "PASSWORD", Kind: password}},
			Repeat: true, Later: true,
			Help: "A user and a password that open the route.", Example: `auth basic ops "{$OPS_PASSWORD}"`},
		{Name: "auth hmac", Form: Both, Args: []Arg{{Name: "REF", Kind: secretKind()}}, Block: hmac, Short: "secret",
			Repeat: true, OneBody: true, Field: "route.auth",
			Help: "Requires a valid signature. Given several times, any one of the secrets may verify; " +
				"only one of them may have a block.",
			Example: "auth hmac { provider github secret env:GITHUB_SECRET }"},
		{Name: "auth hmac secret_ref", Form: MayBraces, Args: id, Block: hmac, Repeat: true, OneBody: true, Later: true,
			Help: "Requires a valid signature with a secret of the block `secrets`.", Example: "auth hmac secret_ref month-07"},
		{Name: "auth forward", Form: MayBraces, Args: []Arg{{Name: "URL", Kind: laterKind("url", "an http or https URL")}},
			Block: forwardBlock(), Later: true,
			Help: "Asks another service whether the request may pass.", Example: "auth forward https://gate.example.org/check"},
	}
}

func hmacBlock() *Block {
	header := func(name, def, help string) *Directive {
		return &Directive{Name: name, Args: []Arg{{Name: "NAME", Kind: headerKind()}}, Default: def, Field: "auth_hmac." + name,
			Help: help, Example: name + " " + def}
	}
	return &Block{Name: "auth_hmac", Title: "auth hmac",
		Help: "Without a provider the sender signs timestamp, method, path and the body's hash, and sends signature, timestamp and nonce in three headers.",
		Rows: []*Directive{
			{Name: "provider", Args: []Arg{{Name: "PROVIDER", Kind: exactKind([]string{"cituro"}, "github", "gitea", "stripe")}},
				DefaultHelp: "none", Field: "auth_hmac.provider",
				Help: "The provider whose way of signing is used; it leaves no room for the four options below.", Example: "provider github"},
			{Name: "secret", Args: []Arg{{Name: "REF", Kind: secretKind()}}, List: true, Repeat: true, Field: "auth_hmac.secret",
				Help: "Secrets, any one of which may verify.", Example: "secret env:KEY_NEW env:KEY_OLD"},
			{Name: "secret_ref", Args: []Arg{{Name: "ID", Kind: laterKind("id", "the id of a secret")}}, List: true, Repeat: true, Later: true,
				Help: "Secrets of the block `secrets`, any one of which may verify.", Example: "secret_ref month-07 month-08"},
			header("signature_header", "X-Signature", "Header with the signature."),
			header("timestamp_header", "X-Timestamp", "Header with the time in Unix seconds."),
			header("nonce_header", "X-Nonce", "Header with a text that is used once."),
			{Name: "tolerance", Args: []Arg{{Name: "DURATION", Kind: positiveKind()}}, Default: "5m", Field: "auth_hmac.tolerance",
				Help: "How far the timestamp may be from now, and how long a nonce is remembered.", Example: "tolerance 2m"},
		}}
}

func forwardBlock() *Block {
	return &Block{Name: "auth_forward", Title: "auth forward", Help: "How the other service is asked.", Rows: []*Directive{
		{Name: "timeout", Args: []Arg{{Name: "DURATION", Kind: positiveKind()}}, Default: "2s", Later: true,
			Help: "Time for the answer.", Example: "timeout 1500ms"},
		{Name: "copy_headers", Args: []Arg{{Name: "NAME", Kind: headerKind()}}, List: true, Repeat: true, Later: true, DefaultHelp: "none",
			Help: "Headers of the answer that are kept with the message.", Example: "copy_headers X-Tenant X-Role"},
		{Name: "body_limit", Args: []Arg{{Name: "SIZE", Kind: laterKind("size", "a size, or off to send all")}}, Default: "off", Later: true,
			Help: "How much of the body is sent along.", Example: "body_limit 8kb"},
	}}
}
