package schema

func authRows() []*Directive {
	ref := []Arg{{Name: "REF", Kind: secretKind()}}
	user := func(name, help, example string, password Arg) *Directive {
		return &Directive{Name: name, Args: []Arg{{Name: "USER", Kind: userKind(), Field: "basic.user"}, password},
			Repeat: true, Help: help, Example: example}
	}
	basic := user("auth basic", "A user and a password that open the route; one line for each user. An inbound route only.",
		`auth basic ops "{$OPS_PASSWORD}"`, Arg{Name: "PASSWORD", Kind: passwordKind(), Field: "basic.password"})
	basic.Field = "route.auth_basic"
	hash := user("auth basic_hash", "As `auth basic`, with the bcrypt hash of the password, of cost 14 at most.",
		`auth basic_hash ops "$2y$05$eoOdBHVQkdqrsltrTLUPe.1Ebf7qZsPzYvUgBYxvyqgN9IN3hxTWC"`, Arg{Name: "HASH", Kind: bcryptKind(), Field: "basic.password"})
	hash.Field = "route.auth_basic_hash"
	hmac := hmacBlock()
	return []*Directive{
		basic, hash,
		{Name: "auth htpasswd", Args: ref, Repeat: true, Field: "route.auth_htpasswd",
			Help: "Users and hashes (bcrypt, apr1 or {SHA}) from a file as htpasswd(1) writes it.", Example: "auth htpasswd credential:users"},
		{Name: "auth bearer", Args: ref, Repeat: true, Field: "route.auth_bearer",
			Help: "A token that senders may send as bearer token.", Example: "auth bearer env:SENDER_TOKEN"},
		{Name: "auth hmac", Form: Both, Args: ref, Block: hmac, Short: "secret",
			Repeat: true, OneBody: true, Field: "route.auth",
			Help: "Requires a valid signature. Given several times, any one of the secrets may verify; " +
				"only one of them may have a block. An inbound route only.",
			Example: "auth hmac { provider github secret env:GITHUB_SECRET }"},
		{Name: "auth hmac secret_ref", Form: MayBraces, Args: []Arg{{Name: "ID", Kind: secretIDKind()}}, Block: hmac, Short: "secret_ref",
			Repeat: true, OneBody: true, Field: "route.auth",
			Help: "Requires a valid signature with a secret of the block `secrets`.", Example: "auth hmac secret_ref month-07"},
		{Name: "auth forward", Form: MayBraces, Args: []Arg{{Name: "URL", Kind: urlKind(), Field: "auth_forward.url"}},
			Block: forwardBlock(), Field: "route.auth_forward",
			Help:    "Asks another service whether the request may pass; it goes with no other way of `auth`. An inbound route only.",
			Example: "auth forward https://gate.example.org/check"},
	}
}

// providers are the words of all signature schemes.
func providers() Kind {
	kind := exactKind("github", "gitea", "stripe", "cituro", "forgejo", "gitlab", "gitlab-token", "bitbucket",
		"standard-webhooks", "svix", "slack", "shopify", "twilio", "zoom", "meta", "discord", "sendgrid", "square",
		"hubspot", "linear", "trello", "x", "generic")
	known := kind.Parse
	kind.Parse = func(text string) (any, *Problem) {
		if text == "paypal" {
			return bad("use auth forward with a service that verifies them, or let the worker ask PayPal",
				"paypal can't be verified here: its signatures need a certificate that is fetched from PayPal")
		}
		return known(text)
	}
	return kind
}

func hmacBlock() *Block {
	header := func(name, def, help string) *Directive {
		return &Directive{Name: name, Args: []Arg{{Name: "NAME", Kind: headerKind()}}, Default: def, Field: "auth_hmac." + name,
			Help: help, Example: name + " " + def}
	}
	rows := []*Directive{
		{Name: "provider", Args: []Arg{{Name: "PROVIDER", Kind: providers()}},
			DefaultHelp: "none", Field: "auth_hmac.provider",
			Help: "The provider whose way of signing is used; it leaves no room for headers and tolerance. " +
				"`generic` is a way of signing that the directives below describe.", Example: "provider github"},
		{Name: "secret", Args: []Arg{{Name: "REF", Kind: secretKind()}}, List: true, Repeat: true, Field: "auth_hmac.secret",
			Help: "Secrets, any one of which may verify; for providers that sign with a private key, their public key.", Example: "secret env:KEY_NEW env:KEY_OLD"},
		{Name: "secret_ref", Args: []Arg{{Name: "ID", Kind: secretIDKind()}}, List: true, Repeat: true, Field: "auth_hmac.secret_ref",
			Help: "Secrets of the block `secrets`, any valid one of which may verify.", Example: "secret_ref month-07 month-08"},
		header("signature_header", "X-Signature", "Header with the signature."),
		header("timestamp_header", "X-Timestamp", "Header with the time, in Unix seconds unless `timestamp_unit` says otherwise."),
		header("nonce_header", "X-Nonce", "Header with a text that is used once."),
		{Name: "tolerance", Args: []Arg{{Name: "DURATION", Kind: positiveKind()}}, Default: "5m", Field: "auth_hmac.tolerance",
			Help: "How far the timestamp may be from now, and how long a nonce is remembered.", Example: "tolerance 2m"},
		{Name: "url", Args: []Arg{{Name: "URL", Kind: urlKind()}}, DefaultHelp: "what the request says", Field: "auth_hmac.url",
			Help: "The URL that the provider calls, for providers that sign it, such as twilio, square and hubspot.", Example: "url https://hooks.example.org/sms"},
	}
	return &Block{Name: "auth_hmac", Title: "auth hmac",
		Help: "Without a provider the sender signs timestamp, method, path and the body's hash, and sends signature, timestamp and nonce in three headers.",
		Rows: append(rows, genericRows()...)}
}

// genericRows describe a scheme, for provider generic alone.
func genericRows() []*Directive {
	row := func(name, def, help string, kind Kind) *Directive {
		return &Directive{Name: name, Args: []Arg{{Name: "VALUE", Kind: kind}}, Default: def, Field: "auth_hmac." + name,
			Help: help + " Only with `provider generic`.", Example: name + " " + def}
	}
	prefix := row("signature_prefix", "", "Text in front of the signature in its header.", textKind("prefix"))
	prefix.DefaultHelp, prefix.Example = "none", "signature_prefix sha256="
	template := row("signed_text", "{body}", "What is signed.", templateKind())
	template.Example = `signed_text "{timestamp}.{body}"`
	return []*Directive{
		prefix,
		row("digest", "sha256", "Hash of the HMAC.", wordKind("sha256", "sha1", "sha384", "sha512")),
		row("encoding", "hex", "How the signature is written.", wordKind("hex", "base64", "base64url")),
		template,
		row("timestamp_unit", "s", "How the time is written.", wordKind("s", "ms", "rfc3339")),
	}
}

func forwardBlock() *Block {
	return &Block{Name: "auth_forward", Title: "auth forward", Help: "How the other service is asked.", Rows: []*Directive{
		{Name: "timeout", Args: []Arg{{Name: "DURATION", Kind: positiveKind()}}, Default: "2s", Field: "auth_forward.timeout",
			Help: "Time for the answer.", Example: "timeout 1500ms"},
		{Name: "copy_headers", Args: []Arg{{Name: "NAME", Kind: headerKind()}}, List: true, Repeat: true, DefaultHelp: "none", Field: "auth_forward.copy_headers",
			Help: "Headers of the answer that are kept with the message.", Example: "copy_headers X-Tenant X-Role"},
		{Name: "body_limit", Args: []Arg{{Name: "SIZE", Kind: sizeOrOffKind()}}, Default: "off", Field: "auth_forward.body_limit",
			Help: "How much of the body is sent along; off for all.", Example: "body_limit 8kb"},
	}}
}
