"""Words that the made-up contacts are composed of; they show what real locations hold, scripts and symbols included."""

from __future__ import annotations

__all__ = [
    "CITIES",
    "COMPANIES",
    "DIAL_CODES",
    "FIRST_NAMES",
    "LAST_NAMES",
    "SENTENCES",
    "SOURCES",
    "TAGS",
    "TASK_TITLES",
    "ZONES",
]

FIRST_NAMES = (
    "Ada", "Ben", "Carla", "Dmitri", "Elif", "Femi", "Grace", "Hana", "Ivan", "José", "Katja", "Liam", "Mei", "Noor",
    "Olu", "Priya", "Quinn", "Rosa", "Søren", "Tariq", "Uma", "Václav", "Wen", "Ximena", "Yara", "Zoë", "MARY ANN",
    "d'Arcy", "李", "محمد", "שרה", "Александр", "Zoe\u0308", "🎉 Vera", "O\u2019Neil", "Anne-Marie",
)  # fmt: skip
LAST_NAMES = (
    "Abbott", "Baker", "Castillo", "Dvořák", "Evans", "Fischer", "García", "Hughes", "Ito", "Jensen", "Kowalski",
    "Lopez", "McDonald", "Nguyễn", "O'Brien", "Petrov", "Qureshi", "Rossi", "Schmidt", "Tanaka", "Ueda", "van der Berg",
    "Williams", "Xu", "Yılmaz", "Zhang", "de la Cruz", "العربي", "כהן", "Иванова", "Smith-Jones", "👩\u200d🔧 Fix",
)  # fmt: skip
COMPANIES = (
    "Acme Plumbing",
    "Blue Door Dental",
    "Café Olé",
    "Dust & Sons",
    "Ever\u00adgreen",
    "北京 Trading",
    "Ünal KG",
)
CITIES = (
    ("Birmingham", "AL", "35203", "US"),
    ("Austin", "TX", "73301", "US"),
    ("Boston", "MA", "02108", "US"),
    ("Zürich", "ZH", "8001", "CH"),
    ("São Paulo", "SP", "01000-000", "BR"),
    ("Toronto", "ON", "M5H 2N2", "CA"),
)
SOURCES = ("website form", "Facebook Lead", "import.csv", "Walk-in", "public api", "Referral: café")
TAGS = ("vip", "newsletter", "no show", "lead-2024", "münchen", "⭐ gold", "do not call", "spring", "past customer")
ZONES = ("America/Chicago", "America/New_York", "Europe/Zurich", "America/Sao_Paulo")
DIAL_CODES = {
    "US": "1", "CA": "1", "MX": "52", "BR": "55", "GB": "44", "IE": "353", "FR": "33", "DE": "49", "AT": "43",
    "CH": "41", "IT": "39", "ES": "34", "PT": "351", "NL": "31", "BE": "32", "DK": "45", "SE": "46", "NO": "47",
    "PL": "48", "IL": "972", "IN": "91", "ZA": "27", "SG": "65", "AU": "61", "NZ": "64",
}  # fmt: skip
TASK_TITLES = ("Call back", "Send the quote", "Rückruf vereinbaren", "Check 📦 delivery", "Follow up: invoice #1042")
SENTENCES = (
    "Spoke on the phone, wants an offer by Friday.",
    "Prefers messages after 6 pm; “not on weekends”.",
    "Kunde wünscht Rückruf.",
    "Left a voicemail.\r\nSecond line with\ta tab.",
    "No answer 😕",
    "اتصل العميل وطلب موعدا",
    "Wants to move the appointment; see the e-mail of last week.",
)
