package schema

func deliverRows() []*Directive {
	return []*Directive{
		{Name: "deliver", Form: Braces, Args: []Arg{{Name: "URL", Kind: laterKind("url", "an http or https URL")}},
			Block: targetBlock("deliver"), Repeat: true, Later: true,
			Help: "Sends each message to a URL. Given several times, each target gets it.", Example: "deliver https://app.example.org/in { timeout 5s }"},
		{Name: "deliver exec", Form: Braces, Args: []Arg{{Name: "COMMAND", Kind: laterKind("command", "the path of a program")}},
			Block: targetBlock("deliver exec"), Repeat: true, Later: true,
			Help: "Hands each message to a program.", Example: "deliver exec /usr/local/bin/handle { timeout 90s }"},
	}
}

func targetBlock(title string) *Block {
	free := Kind{Name: "text", Form: "text", Free: true, Secret: true}
	header := func(name, def, help string) *Directive {
		return &Directive{Name: "sign " + name, Args: []Arg{{Name: "NAME", Kind: headerKind()}}, Default: def, Later: true,
			Help: help, Example: "sign " + name + " " + def}
	}
	retry := retryRow()
	retry.Later, retry.Field, retry.DefaultHelp = true, "", "that of `defaults`, option by option"
	return &Block{Name: "target", Title: title, Help: "How a target is served.", Rows: []*Directive{
		retry,
		{Name: "timeout", Args: []Arg{{Name: "DURATION", Kind: positiveKind()}}, DefaultHelp: "that of `defaults`", Later: true,
			Help: "Time for one attempt.", Example: "timeout 5s"},
		{Name: "header", Args: []Arg{{Name: "NAME", Kind: headerKind()}, {Name: "VALUE", Kind: free}}, Repeat: true, Later: true,
			Help: "A header of the request.", Example: "header X-Team platform"},
		{Name: "env", Args: []Arg{{Name: "NAME", Kind: laterKind("name", "the name of a variable")}, {Name: "VALUE", Kind: free}},
			Repeat: true, Later: true,
			Help: "A variable of the program.", Example: "env SIZE 320"},
		{Name: "sign hmac", Args: []Arg{{Name: "REF", Kind: secretKind()}}, Later: true, DefaultHelp: "no signature",
			Help: "Signs each request with a secret.", Example: "sign hmac env:SIGNING_KEY"},
		{Name: "sign hmac secret_ref", Args: []Arg{{Name: "ID", Kind: laterKind("id", "the id of a secret")}}, List: true, Repeat: true, Later: true,
			Help: "Signs each request with a secret of the block `secrets`.", Example: "sign hmac secret_ref month-07"},
		header("signature_header", "X-Hookaido-Signature", "Header with the signature."),
		header("timestamp_header", "X-Hookaido-Timestamp", "Header with the time."),
		{Name: "sign secret_selection", Args: []Arg{{Name: "WHICH", Kind: wordKind("newest_valid", "oldest_valid")}}, Default: "newest_valid", Later: true,
			Help: "Which of several valid secrets signs.", Example: "sign secret_selection oldest_valid"},
	}}
}
