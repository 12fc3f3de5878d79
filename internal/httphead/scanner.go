package httphead

// state is where in a message the scanner is, that is, what the next byte
// belongs to.
type state uint8

const (
	atStart state = iota // between messages
	atStartLF
	inMethod
	inRequestTarget
	inQuery
	inVersion
	atLineLF
	atField // at the first byte of a field line, or of the empty line
	inName
	inFieldValue
	atFieldLF
	atHeadLF
	inBody
	inChunkSize
	afterChunkSize
	inChunkExtension
	atChunkSizeLF
	inChunk
	atChunkCR
	atChunkLF
)

const (
	maxFields = 200
	maxHead   = 1 << 20 // bytes
	// maxTarget bounds, in bytes, the line of the request up to the version.
	maxTarget = 16 << 10
	// maxTrailer and maxExtensions bound, in bytes, what may stand in a chunked
	// body beside the data. net/http gives up somewhat later.
	maxTrailer    = 2 << 10
	maxExtensions = 2 << 10
)

// scanner follows the framing of a connection, byte for byte, so that it knows
// what net/http will take for the head of a request, and finds what is wrong
// with a head before net/http sees its end. It keeps nothing of the input but
// what it needs to tell how long the body is, and the names of the fields.
type scanner struct {
	state  state
	blanks uint8 // empty lines before a request
	posted bool  // the last request was a POST

	version   [8]byte
	word      [17]byte // first bytes of the method or the field name, lower case for the latter
	wordLen   int
	escape    uint8 // hex digits that a percent sign still needs
	fields    int
	head      int // bytes
	field     field
	fieldPos  fieldPos
	hosts     int
	hasLength bool
	hasCoding bool
	coding    uint8 // bytes seen of the word "chunked"
	trailer   bool

	length     uint64 // of the body, then what is left of it or of the chunk
	digits     uint8
	extensions int

	heads *heads // gets the names of the fields; nil for nobody
}

// field is a header that decides on the framing.
type field uint8

const (
	fieldOther field = iota
	fieldHost
	fieldLength
	fieldCoding
)

// fieldPos is where in the value of such a field the scanner is.
type fieldPos uint8

const (
	beforeValue fieldPos = iota
	withinValue
	afterValue
)

// scan reads p, the next bytes of the connection. It returns how many of them
// are in order, where in p the message begins that they end in (0 if it began
// earlier), and the fault of the byte after them, if any. After a fault the
// scanner is of no more use.
func (s *scanner) scan(p []byte) (good, begin int, f fault) {
	for good < len(p) && f == none {
		var n int
		n, f = s.advance(p[good:])
		good += n
		if s.state == atStart && f == none {
			begin = good
		}
	}
	return good, begin, f
}

// advance is step with the bounds on what stands beside the body.
func (s *scanner) advance(p []byte) (int, fault) {
	n, f := s.step(p)
	if f != none || s.state >= inBody || s.state == atStart {
		return n, f
	}
	s.head += n
	switch {
	case s.trailer && s.head > maxTrailer:
		return n, faultBody
	case s.head > maxTarget && (s.state < inVersion || s.state == inVersion && s.digits == 0):
		return n, faultTargetSize
	case s.head > maxHead:
		return n, faultHeadSize
	}
	return n, none
}

// step takes some bytes of p, which has at least one, or changes the state.
func (s *scanner) step(p []byte) (int, fault) {
	switch s.state {
	case atStart:
		return s.start(p[0])
	case inMethod:
		return s.method(p)
	case inRequestTarget:
		return s.target(p)
	case inQuery:
		return s.query(p)
	case inVersion:
		return s.protocol(p)
	case atField:
		return s.fieldStart(p)
	case inName:
		return s.name(p)
	case inFieldValue:
		return s.value(p)
	case inBody, inChunk:
		return s.skip(len(p)), none
	case inChunkSize, afterChunkSize, inChunkExtension:
		return s.chunkSize(p[0])
	default:
		return s.fixed(p[0])
	}
}

// fixed takes a byte in the states that allow but one.
func (s *scanner) fixed(c byte) (int, fault) {
	want, f := byte('\n'), faultLineEnd
	if s.trailer || s.state > atHeadLF {
		f = faultBody
	}
	if s.state == atChunkCR {
		want = '\r'
	}
	if c != want {
		return 0, f
	}
	switch s.state {
	case atStartLF:
		s.state = atStart
	case atLineLF:
		s.state = atField
	case atFieldLF:
		s.state = atField
		return 1, s.endField()
	case atHeadLF:
		return 1, s.endHead()
	case atChunkSizeLF:
		s.endChunkSize()
	case atChunkCR:
		s.state = atChunkLF
	case atChunkLF:
		s.state, s.digits, s.length = inChunkSize, 0, 0
	}
	return 1, none
}

// skip takes up to n bytes of a body or chunk.
func (s *scanner) skip(n int) int {
	if uint64(n) < s.length {
		s.length -= uint64(n)
		return n
	}
	n, s.length = int(s.length), 0
	if s.state == inBody {
		s.state = atStart
	} else {
		s.state = atChunkCR
	}
	return n
}
