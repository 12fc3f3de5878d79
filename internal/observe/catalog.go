package observe

// queueFull is the reason of a refusal that has a text of its own.
const queueFull = "queue_full"

// Events of the daemon's start and end, which come before and after its log.
const (
	StartConfigRefused = "start_config_refused"
	StartNoListener    = "start_no_listener"
	StartStorageFailed = "start_storage_failed"
)

// catalogID returns the id of an event's text in the message catalog, or "" for
// an event that has none. It goes by the constant message of the entry, so that
// the packages that log know nothing of the journal.
func catalogID(event string, pairs []pair) string {
	if event == "request refused" {
		event = ""
		for _, p := range pairs {
			if p.name == "reason" && p.value == queueFull {
				event = queueFull
			}
		}
	}
	return CatalogID(event)
}

// CatalogID returns the MESSAGE_ID of an event, or "" for one that has no text
// in the message catalog.
func CatalogID(event string) string {
	switch event {
	case "ready":
		return "28e600777b4819a781c6df14bbb41f43"
	case "config_reload_failed":
		return "f9f9fb01e13a970b4f573ff4d40887c6"
	case StartConfigRefused:
		return "4b20fc12ef1f858171aa635c8bd46674"
	case StartNoListener:
		return "9fcad980bb711136677718a3a04a2b86"
	case StartStorageFailed:
		return "339c18f3e508018fe63561a45d471cc7"
	case "listen_differs_from_socket":
		return "5f8fb491ec05f13a94b1863e53bd04a5"
	case queueFull:
		return "6e02401a53110b515dcab20d626a4f03"
	case "the disk is full: new messages are refused, consumers go on":
		return "2f9dc3da763bbf17dde6cb0fb8c60232"
	case "too little free disk space: new messages are refused, consumers go on":
		return "4c38a71a4f184e37049b962ffcb565ec"
	case "watchdog_withheld":
		return "05a06669351f2e402ca802875d75654a"
	case "tls_certificate_ends_soon":
		return "81660694b26d2d8284b088fe872b96fc"
	case "tls_certificate_ended":
		return "3a2cbdf9ee52b8ed2e1f7ce1498a10f0"
	case "delivery_dead":
		return "24870dd6c28c2d0b8faeec9ec4f6e3ea"
	case "delivery_breaker_open":
		return "4be868b4db9dc643ca1b25bf6d7ab7d6"
	default:
		return ""
	}
}
