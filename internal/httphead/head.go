package httphead

import "math"

// start takes the first byte of a message.
func (s *scanner) start(c byte) (int, fault) {
	const tlsHandshake = 0x16
	switch {
	case c == tlsHandshake:
		return 0, faultTLS
	case c == '\r' && s.posted && s.blanks < 2:
		// net/http skips as much after a POST, for the sake of old clients
		s.blanks++
		s.state = atStartLF
		return 1, none
	}
	*s = scanner{state: inMethod, heads: s.heads}
	return 0, none
}

// method takes bytes of the method and the space after it.
func (s *scanner) method(p []byte) (int, fault) {
	for i, c := range p {
		if classes[c]&inToken != 0 {
			if s.wordLen < len(s.word) {
				s.word[s.wordLen] = c
				s.wordLen++
			}
			continue
		}
		if c != ' ' || s.wordLen == 0 {
			return i, faultRequestLine
		}
		s.posted = string(s.word[:s.wordLen]) == "POST"
		s.state = inRequestTarget
		s.digits = 0
		return i + 1, none
	}
	return len(p), none
}

// target takes bytes of the path or whatever stands before a query, and the
// space or question mark after it. digits tells whether there were any.
func (s *scanner) target(p []byte) (int, fault) {
	for i, c := range p {
		switch {
		case s.escape > 0:
			if hexValue(c) < 0 {
				return i, faultTarget
			}
			s.escape--
		case classes[c]&inTarget != 0:
			s.digits = 1
		case c == '%':
			s.escape = 2
			s.digits = 1
		case c == '?':
			s.state = inQuery
			return i + 1, none
		case c == ' ' && s.digits > 0:
			return i + 1, s.endTarget()
		default:
			return i, faultTarget
		}
	}
	return len(p), none
}

// query takes bytes of the query, which is opaque, and the space after it.
func (s *scanner) query(p []byte) (int, fault) {
	for i, c := range p {
		switch {
		case classes[c]&inTarget != 0 || c == '%' || c == '?':
		case c == ' ':
			return i + 1, s.endTarget()
		default:
			return i, faultTarget
		}
	}
	return len(p), none
}

func (s *scanner) endTarget() fault {
	s.state = inVersion
	s.digits = 0
	return none
}

// protocol takes bytes of the protocol version and the CR after it.
func (s *scanner) protocol(p []byte) (int, fault) {
	for i, c := range p {
		if int(s.digits) < len(s.version) && c > ' ' {
			s.version[s.digits] = c
			s.digits++
			continue
		}
		if c == '\n' {
			return i, faultLineEnd
		}
		if c != '\r' || int(s.digits) != len(s.version) {
			return i, faultRequestLine
		}
		s.state = atLineLF
		return i + 1, s.checkVersion()
	}
	return len(p), none
}

func (s *scanner) checkVersion() fault {
	v := s.version
	isDigit := func(c byte) bool { return c >= '0' && c <= '9' }
	switch {
	case string(v[:5]) != "HTTP/" || !isDigit(v[5]) || v[6] != '.' || !isDigit(v[7]):
		return faultRequestLine
	case v[5] == '1' && v[7] <= '1':
		return none
	case v[5] == '2' && string(s.word[:s.wordLen]) == "PRI":
		return faultHTTP2
	}
	return faultVersion
}

// fieldStart takes a field line, as far as it is in p, or the CR of the line
// that ends the head.
func (s *scanner) fieldStart(p []byte) (int, fault) {
	switch c := p[0]; {
	case c == '\r':
		s.state = atHeadLF
		return 1, none
	case c == ' ' || c == '\t':
		return 0, s.inTrailer(faultFold)
	case s.fields == maxFields:
		return 0, s.inTrailer(faultFieldCount)
	}
	s.fields++
	s.state, s.wordLen = inName, 0
	return s.name(p)
}

// name takes bytes of a field name and the colon after it, then goes on with
// the value.
func (s *scanner) name(p []byte) (int, fault) {
	n := prefix(p, inToken)
	if s.notesNames() {
		s.heads.add(p[:n])
	}
	if n == len(p) {
		s.keep(p)
		return n, none
	}
	switch c := p[n]; {
	case c == '\n':
		return n, s.inTrailer(faultLineEnd)
	case c != ':' || s.wordLen+n == 0:
		return n, s.inTrailer(faultField)
	}
	s.state = inFieldValue
	f := s.endName(p[:n])
	n++
	if f != none || n == len(p) {
		return n, f
	}
	more, f := s.value(p[n:])
	return n + more, f
}

// notesNames tells whether somebody wants the names of fields. Those of a
// trailer nobody does.
func (s *scanner) notesNames() bool { return s.heads != nil && !s.trailer }

// keep puts a part of a field name behind what is known of it already.
func (s *scanner) keep(part []byte) {
	for _, c := range part {
		if s.wordLen < len(s.word) {
			s.word[s.wordLen] = c | 0x20
		}
		s.wordLen++
	}
}

// endName notes which field it is, whose name ends in part. Fields of the
// trailer never count.
func (s *scanner) endName(part []byte) fault {
	s.field, s.fieldPos = fieldOther, beforeValue
	if s.notesNames() {
		s.heads.endName()
	}
	switch s.wordLen + len(part) {
	case len("host"), len("content-length"), len("transfer-encoding"):
		s.keep(part)
	default:
		return none
	}
	if s.trailer {
		return none
	}
	switch string(s.word[:s.wordLen]) {
	case "host":
		s.field = fieldHost
		if s.hosts++; s.hosts > 1 {
			return faultHost
		}
	case "content-length":
		s.field = fieldLength
		if s.hasLength {
			return faultLength
		}
		s.hasLength, s.digits, s.length = true, 0, 0
	case "transfer-encoding":
		s.field = fieldCoding
		if s.hasCoding {
			return faultFraming
		}
		s.hasCoding, s.coding = true, 0
	}
	return none
}

// value takes bytes of a field value and the line end after it.
func (s *scanner) value(p []byte) (int, fault) {
	n := prefixOfValue(p)
	if s.field != fieldOther {
		for i, c := range p[:n] {
			if f := s.framingByte(c); f != none {
				return i, f
			}
		}
	}
	switch {
	case n == len(p):
		return n, none
	case p[n] == '\n':
		return n, s.inTrailer(faultLineEnd)
	case p[n] != '\r':
		return n, s.inTrailer(faultField)
	case n+1 < len(p) && p[n+1] == '\n':
		s.state = atField
		return n + 2, s.endField()
	}
	s.state = atFieldLF
	return n + 1, none
}

// framingByte takes a byte of the value of a field that decides on framing or
// routing. Blanks around the value are not part of it.
func (s *scanner) framingByte(c byte) fault {
	if c == ' ' || c == '\t' {
		if s.fieldPos == withinValue {
			s.fieldPos = afterValue
		}
		return none
	}
	again := s.fieldPos == afterValue
	s.fieldPos = withinValue
	switch s.field {
	case fieldHost:
		if again || classes[c]&inHost == 0 {
			return faultHost
		}
	case fieldLength:
		// 19 digits are enough for every int64 and too few to overflow uint64
		if again || c < '0' || c > '9' || s.digits == 19 {
			return faultLength
		}
		s.digits++
		s.length = s.length*10 + uint64(c-'0')
		if s.length > math.MaxInt64 {
			return faultLength
		}
	case fieldCoding:
		const chunked = "chunked"
		if again || int(s.coding) == len(chunked) || c|0x20 != chunked[s.coding] {
			return faultCoding
		}
		s.coding++
	}
	return none
}

// endField looks at a field as a whole.
func (s *scanner) endField() fault {
	switch {
	case s.field == fieldLength && s.digits == 0:
		return faultLength
	case s.field == fieldCoding && int(s.coding) != len("chunked"):
		return faultCoding
	}
	return none
}

// endHead decides how the body is framed. It also ends a trailer.
func (s *scanner) endHead() fault {
	atLeast11 := s.version[7] == '1'
	if s.notesNames() {
		s.heads.end()
	}
	switch {
	case s.trailer:
		s.state, s.trailer = atStart, false
	case atLeast11 && s.hosts == 0:
		return faultHost
	case s.hasCoding && (s.hasLength || !atLeast11):
		return faultFraming
	case s.hasCoding:
		s.state, s.digits, s.length = inChunkSize, 0, 0
	case s.length > 0:
		s.state = inBody
	default:
		s.state = atStart
	}
	return none
}

// inTrailer is f, or the fault of a body if this is the trailer of one.
func (s *scanner) inTrailer(f fault) fault {
	if s.trailer {
		return faultBody
	}
	return f
}
