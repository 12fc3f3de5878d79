package schema

func deliverRows() []*Directive {
	return []*Directive{
		{Name: "deliver", Form: Braces, Args: []Arg{{Name: "URL", Kind: urlKind(), Field: "target.url"}},
			Block: targetBlock("deliver"), Repeat: true, Field: "route.deliver",
			Help: "Sends each message to a URL. Given several times, each target gets it.", Example: "deliver https://app.example.org/in { timeout 5s }"},
		{Name: "deliver exec", Form: Braces, Args: []Arg{{Name: "COMMAND", Kind: execKind(), Field: "target.exec"}},
			Block: targetBlock("deliver exec"), Repeat: true, Field: "route.deliver",
			Help:    "Hands each message to a program, with the body on standard input. No shell is used.",
			Example: "deliver exec /usr/local/bin/handle { timeout 90s }"},
	}
}

func targetBlock(title string) *Block {
	retry := retryRow()
	retry.Field, retry.DefaultHelp = "target.retry", "that of `defaults`, option by option"
	rows := []*Directive{
		retry,
		{Name: "retry_status", Args: []Arg{{Name: "STATUS", Kind: intKind(300, 499)}}, List: true, Repeat: true, DefaultHelp: "none", Field: "target.retry_status",
			Help: "Answers that are tried again, beside 408, 425, 429, those from 500 and failed connections, which always are.", Example: "retry_status 401 403 404"},
		{Name: "timeout", Args: []Arg{{Name: "DURATION", Kind: positiveKind()}}, DefaultHelp: "that of `defaults`", Field: "target.timeout",
			Help: "Time for one attempt.", Example: "timeout 5s"},
		{Name: "header", Args: []Arg{{Name: "NAME", Kind: headerKind(), Field: "header.name"}, {Name: "VALUE", Kind: headerValueKind(), Field: "header.value"}},
			Repeat: true, Field: "target.header",
			Help: "A header of the request. A program doesn't get it.", Example: "header X-Team platform"},
		{Name: "env", Args: []Arg{{Name: "NAME", Kind: envNameKind(), Field: "env.name"}, {Name: "VALUE", Kind: envValueKind(), Field: "env.value"}},
			Repeat: true, Field: "target.env",
			Help: "A variable of the program's environment; only for `deliver exec`.", Example: "env SIZE 320"},
	}
	return &Block{Name: "target", Title: title, Help: "How a target is served.", Rows: append(rows, signRows()...)}
}

func signRows() []*Directive {
	header := func(name, def, help string) *Directive {
		return &Directive{Name: "sign " + name, Args: []Arg{{Name: "NAME", Kind: headerKind()}}, Default: def, Field: "sign." + name,
			Help: help, Example: "sign " + name + " " + def}
	}
	ref := []Arg{{Name: "REF", Kind: secretKind()}}
	ids := []Arg{{Name: "ID", Kind: secretIDKind()}}
	return []*Directive{
		{Name: "sign hmac", Args: ref, Field: "sign.secret", DefaultHelp: "no signature",
			Help: "Signs each request with a secret.", Example: "sign hmac env:SIGNING_KEY"},
		{Name: "sign hmac secret_ref", Args: ids, List: true, Repeat: true, Field: "sign.secret_ref",
			Help: "Signs each request with a secret of the block `secrets`.", Example: "sign hmac secret_ref month-07"},
		{Name: "sign standard-webhooks", Args: ref, Field: "sign.secret", DefaultHelp: "no signature",
			Help: "Signs each request as Standard Webhooks does.", Example: "sign standard-webhooks env:WHSEC"},
		{Name: "sign standard-webhooks secret_ref", Args: ids, List: true, Repeat: true, Field: "sign.secret_ref",
			Help: "Signs each request as Standard Webhooks does, with a secret of the block `secrets`.", Example: "sign standard-webhooks secret_ref month-07"},
		header("signature_header", "X-Hookaido-Signature", "Header with the signature, for `sign hmac`."),
		header("timestamp_header", "X-Hookaido-Timestamp", "Header with the time, for `sign hmac`."),
		{Name: "sign secret_selection", Args: []Arg{{Name: "WHICH", Kind: wordKind("newest_valid", "oldest_valid")}}, Default: "newest_valid", Field: "sign.secret_selection",
			Help: "Which of several valid secrets signs, by the beginning of their validity.", Example: "sign secret_selection oldest_valid"},
	}
}
