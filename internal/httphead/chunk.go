package httphead

// chunkSize takes a byte of the line before a chunk: hex digits, then blanks
// or an extension, which is skipped, then CR.
func (s *scanner) chunkSize(c byte) (int, fault) {
	if c == '\r' && s.digits > 0 {
		s.state = atChunkSizeLF
		return 1, none
	}
	digit := hexValue(c)
	switch {
	case s.state == inChunkSize && digit >= 0:
		// 15 digits are more than any chunk has, and never overflow
		if s.digits == 15 {
			return 0, faultBody
		}
		s.digits++
		s.length = s.length<<4 | uint64(digit)
		return 1, none
	case s.digits == 0:
		return 0, faultBody
	case s.state == inChunkSize && c == ';':
		s.state = inChunkExtension
	case s.state != inChunkExtension && (c == ' ' || c == '\t'):
		s.state = afterChunkSize
	case s.state != inChunkExtension || classes[c]&inValue == 0:
		return 0, faultBody
	}
	if s.extensions++; s.extensions > maxExtensions {
		return 0, faultBody
	}
	return 1, none
}

// endChunkSize goes on with the data, or after the last chunk with the trailer.
func (s *scanner) endChunkSize() {
	if s.length > 0 {
		s.state = inChunk
		return
	}
	s.state, s.trailer, s.fields, s.head = atField, true, 0, 0
}
