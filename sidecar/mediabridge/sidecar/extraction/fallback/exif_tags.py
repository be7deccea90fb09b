"""The EXIF and GPS tags that the built-in reader knows: number -> ExifTool's name and its words for the values.

Sources: Exif 3.0 (CIPA DC-008), TIFF 6.0; names and words are those of ExifTool's tag tables.
"""

from __future__ import annotations

from . import values as v

Tag = tuple[str, v.Words]

ORIENTATION = v.choice(
    _1="Horizontal (normal)", _2="Mirror horizontal", _3="Rotate 180", _4="Mirror vertical",
    _5="Mirror horizontal and rotate 270 CW", _6="Rotate 90 CW", _7="Mirror horizontal and rotate 90 CW",
    _8="Rotate 270 CW",
)  # fmt: skip
UNIT = v.choice(_1="None", _2="inches", _3="cm")
_LEVEL = v.choice(_0="Normal", _1="Low", _2="High")
_SHARPNESS = v.choice(_0="Normal", _1="Soft", _2="Hard")
_COMPRESSION = v.choice(
    _1="Uncompressed", _2="CCITT 1D", _3="T4/Group 3 Fax", _4="T6/Group 4 Fax", _5="LZW", _6="JPEG (old-style)",
    _7="JPEG", _8="Adobe Deflate", _32773="PackBits", _32946="Deflate", _34712="JPEG 2000",
    _34713="Nikon NEF Compressed", _65535="Pentax PEF Compressed",
)  # fmt: skip
_PHOTOMETRIC = v.choice(
    _0="WhiteIsZero", _1="BlackIsZero", _2="RGB", _3="RGB Palette", _4="Transparency Mask", _5="CMYK", _6="YCbCr",
    _8="CIELab", _32803="Color Filter Array", _34892="Linear Raw",
)  # fmt: skip
_FLASH = v.hex_table(
    {
        0x00: "No Flash", 0x01: "Fired", 0x05: "Fired, Return not detected", 0x07: "Fired, Return detected",
        0x08: "On, Did not fire", 0x09: "On, Fired", 0x0D: "On, Return not detected", 0x0F: "On, Return detected",
        0x10: "Off, Did not fire", 0x14: "Off, Did not fire, Return not detected", 0x18: "Auto, Did not fire",
        0x19: "Auto, Fired", 0x1D: "Auto, Fired, Return not detected", 0x1F: "Auto, Fired, Return detected",
        0x20: "No flash function", 0x30: "Off, No flash function", 0x41: "Fired, Red-eye reduction",
        0x45: "Fired, Red-eye reduction, Return not detected", 0x47: "Fired, Red-eye reduction, Return detected",
        0x49: "On, Red-eye reduction", 0x4D: "On, Red-eye reduction, Return not detected",
        0x4F: "On, Red-eye reduction, Return detected", 0x50: "Off, Red-eye reduction",
        0x58: "Auto, Did not fire, Red-eye reduction", 0x59: "Auto, Fired, Red-eye reduction",
        0x5D: "Auto, Fired, Red-eye reduction, Return not detected",
        0x5F: "Auto, Fired, Red-eye reduction, Return detected",
    }
)  # fmt: skip
_LIGHT = v.choice(
    _0="Unknown", _1="Daylight", _2="Fluorescent", _3="Tungsten (Incandescent)", _4="Flash", _9="Fine Weather",
    _10="Cloudy", _11="Shade", _12="Daylight Fluorescent", _13="Day White Fluorescent", _14="Cool White Fluorescent",
    _15="White Fluorescent", _16="Warm White Fluorescent", _17="Standard Light A", _18="Standard Light B",
    _19="Standard Light C", _20="D55", _21="D65", _22="D75", _23="D50", _24="ISO Studio Tungsten", _255="Other",
)  # fmt: skip


def _text(value: object) -> object:
    return v.plain(value.rstrip()) if isinstance(value, str) else v.joined(value)


def _whole_text(value: object) -> object:
    return v.plain(value) if isinstance(value, str) else v.joined(value)


def _date(value: object) -> object:
    return v.plain(value) if isinstance(value, str) else v.joined(value)


def _comment(value: object) -> object:
    """A text behind eight bytes that name its character set (Exif 3.0, 4.6.6)."""
    if not isinstance(value, bytes):
        return _whole_text(value)
    code, text = value[:8].rstrip(b"\0 ").upper(), value[8:]
    if code == b"UNICODE":
        return v.plain(text.decode("utf-16-le" if text[1:2] == b"\0" else "utf-16-be", "replace").rstrip(" \0"))
    if code == b"JIS":
        return v.plain(text.decode("iso2022_jp", "replace").rstrip(" \0"))
    return v.plain(text.partition(b"\0")[0].decode("utf-8", "replace").rstrip())


def _windows(value: object) -> object:
    data = bytes(value) if isinstance(value, tuple) and all(isinstance(one, int) for one in value) else value
    return v.plain(data.decode("utf-16-le", "replace").rstrip("\0")) if isinstance(data, bytes) else v.joined(value)


def _components(value: object) -> object:
    names = ("-", "Y", "Cb", "Cr", "R", "G", "B")
    if not isinstance(value, bytes):
        return v.joined(value)
    return ", ".join(names[byte] if byte < len(names) else f"Err ({byte})" for byte in value)


def _byte(words: v.Words) -> v.Words:
    return lambda value: words(value[0] if isinstance(value, bytes) and value else value)


_SUBFILE = v.choice(
    _0="Full-resolution image", _1="Reduced-resolution image", _2="Single page of multi-page image",
    _3="Single page of multi-page reduced-resolution image", _4="Transparency mask",
)  # fmt: skip

TIFF: dict[int, Tag] = {
    0x00FE: ("SubfileType", _SUBFILE),
    0x0100: ("ImageWidth", v.joined), 0x0101: ("ImageHeight", v.joined), 0x0102: ("BitsPerSample", v.joined),
    0x0103: ("Compression", _COMPRESSION), 0x0106: ("PhotometricInterpretation", _PHOTOMETRIC),
    0x010D: ("DocumentName", _whole_text), 0x010E: ("ImageDescription", _whole_text), 0x010F: ("Make", _text),
    0x0110: ("Model", _text), 0x0112: ("Orientation", ORIENTATION), 0x0115: ("SamplesPerPixel", v.joined),
    0x0116: ("RowsPerStrip", v.joined), 0x011A: ("XResolution", v.joined), 0x011B: ("YResolution", v.joined),
    0x011C: ("PlanarConfiguration", v.choice(_1="Chunky", _2="Planar")), 0x0128: ("ResolutionUnit", UNIT),
    0x0131: ("Software", _text), 0x0132: ("ModifyDate", _date), 0x013B: ("Artist", _text),
    0x013C: ("HostComputer", _whole_text), 0x0201: ("ThumbnailOffset", v.joined), 0x0202: ("ThumbnailLength", v.joined),
    0x0213: ("YCbCrPositioning", v.choice(_1="Centered", _2="Co-sited")), 0x4746: ("Rating", v.joined),
    0x8298: ("Copyright", _text), 0x9C9B: ("XPTitle", _windows), 0x9C9C: ("XPComment", _windows),
    0x9C9D: ("XPAuthor", _windows), 0x9C9E: ("XPKeywords", _windows), 0x9C9F: ("XPSubject", _windows),
}  # fmt: skip

EXIF: dict[int, Tag] = TIFF | {
    0x829A: ("ExposureTime", v.seconds), 0x829D: ("FNumber", v.f_number),
    0x8822: ("ExposureProgram", v.choice(
        _0="Not Defined", _1="Manual", _2="Program AE", _3="Aperture-priority AE", _4="Shutter speed priority AE",
        _5="Creative (Slow speed)", _6="Action (High speed)", _7="Portrait", _8="Landscape", _9="Bulb")),
    0x8827: ("ISO", v.joined),
    0x8830: ("SensitivityType", v.choice(
        _0="Unknown", _1="Standard Output Sensitivity", _2="Recommended Exposure Index", _3="ISO Speed",
        _4="Standard Output Sensitivity and Recommended Exposure Index", _5="Standard Output Sensitivity and ISO Speed",
        _6="Recommended Exposure Index and ISO Speed",
        _7="Standard Output Sensitivity, Recommended Exposure Index and ISO Speed")),
    0x8832: ("RecommendedExposureIndex", v.joined),
    0x9000: ("ExifVersion", v.version), 0x9003: ("DateTimeOriginal", _date), 0x9004: ("CreateDate", _date),
    0x9010: ("OffsetTime", _text), 0x9011: ("OffsetTimeOriginal", _text), 0x9012: ("OffsetTimeDigitized", _text),
    0x9101: ("ComponentsConfiguration", _components), 0x9102: ("CompressedBitsPerPixel", v.joined),
    0x9201: ("ShutterSpeedValue", v.speed), 0x9202: ("ApertureValue", v.aperture),
    0x9203: ("BrightnessValue", v.joined),
    0x9204: ("ExposureCompensation", v.compensation), 0x9205: ("MaxApertureValue", v.aperture),
    0x9206: ("SubjectDistance", v.with_unit("m")),
    0x9207: ("MeteringMode", v.choice(
        _0="Unknown", _1="Average", _2="Center-weighted average", _3="Spot", _4="Multi-spot", _5="Multi-segment",
        _6="Partial", _255="Other")),
    0x9208: ("LightSource", _LIGHT), 0x9209: ("Flash", _FLASH), 0x920A: ("FocalLength", v.with_unit("mm", 1)),
    0x9214: ("SubjectArea", v.joined), 0x9286: ("UserComment", _comment), 0x9290: ("SubSecTime", _text),
    0x9291: ("SubSecTimeOriginal", _text), 0x9292: ("SubSecTimeDigitized", _text),
    0xA000: ("FlashpixVersion", v.version),
    0xA001: ("ColorSpace", v.choice(_1="sRGB", _2="Adobe RGB", _65535="Uncalibrated")),
    0xA002: ("ExifImageWidth", v.joined), 0xA003: ("ExifImageHeight", v.joined),
    0xA004: ("RelatedSoundFile", _whole_text),
    0xA20E: ("FocalPlaneXResolution", v.joined), 0xA20F: ("FocalPlaneYResolution", v.joined),
    0xA210: ("FocalPlaneResolutionUnit", v.choice(_1="None", _2="inches", _3="cm", _4="mm", _5="um")),
    0xA215: ("ExposureIndex", v.joined),
    0xA217: ("SensingMethod", v.choice(
        _1="Not defined", _2="One-chip color area", _3="Two-chip color area", _4="Three-chip color area",
        _5="Color sequential area", _7="Trilinear", _8="Color sequential linear")),
    0xA300: ("FileSource", _byte(v.choice(_1="Film Scanner", _2="Reflection Print Scanner", _3="Digital Camera"))),
    0xA301: ("SceneType", _byte(v.choice(_1="Directly photographed"))),
    0xA401: ("CustomRendered", v.choice(
        _0="Normal", _1="Custom", _2="HDR (no original saved)", _3="HDR (original saved)", _4="Original (for HDR)",
        _6="Panorama", _7="Portrait HDR", _8="Portrait")),
    0xA402: ("ExposureMode", v.choice(_0="Auto", _1="Manual", _2="Auto bracket")),
    0xA403: ("WhiteBalance", v.choice(_0="Auto", _1="Manual")), 0xA404: ("DigitalZoomRatio", v.joined),
    0xA405: ("FocalLengthIn35mmFormat", v.with_unit("mm")),
    0xA406: ("SceneCaptureType", v.choice(_0="Standard", _1="Landscape", _2="Portrait", _3="Night", _4="Other")),
    0xA407: ("GainControl", v.choice(
        _0="None", _1="Low gain up", _2="High gain up", _3="Low gain down", _4="High gain down")),
    0xA408: ("Contrast", _LEVEL), 0xA409: ("Saturation", _LEVEL), 0xA40A: ("Sharpness", _SHARPNESS),
    0xA40C: ("SubjectDistanceRange", v.choice(_0="Unknown", _1="Macro", _2="Close", _3="Distant")),
    0xA420: ("ImageUniqueID", _text), 0xA430: ("OwnerName", _text), 0xA431: ("SerialNumber", _text),
    0xA432: ("LensInfo", v.lens), 0xA433: ("LensMake", _text), 0xA434: ("LensModel", _text),
    0xA435: ("LensSerialNumber", _text),
}  # fmt: skip

INTEROP: dict[int, Tag] = {
    0x0001: ("InteropIndex", v.table({
        "R03": "R03 - DCF option file (Adobe RGB)", "R98": "R98 - DCF basic file (sRGB)",
        "THM": "THM - DCF thumbnail file"})),
    0x0002: ("InteropVersion", v.version),
}  # fmt: skip

_DIRECTION = v.table({"M": "Magnetic North", "T": "True North"})


def _dotted(value: object) -> object:
    return ".".join(map(str, value)) if isinstance(value, tuple) else v.joined(value)


def _gps_date(value: object) -> object:
    return v.plain(value.strip().replace("-", ":")) if isinstance(value, str) else v.joined(value)


GPS: dict[int, Tag] = {
    0x00: ("GPSVersionID", _dotted), 0x01: ("GPSLatitudeRef", v.table({"N": "North", "S": "South"})),
    0x02: ("GPSLatitude", v.degrees), 0x03: ("GPSLongitudeRef", v.table({"E": "East", "W": "West"})),
    0x04: ("GPSLongitude", v.degrees), 0x05: ("GPSAltitudeRef", v.choice(_0="Above Sea Level", _1="Below Sea Level")),
    0x06: ("GPSAltitude", v.with_unit("m")), 0x07: ("GPSTimeStamp", v.time_of_day), 0x08: ("GPSSatellites", _text),
    0x09: ("GPSStatus", v.table({"A": "Measurement Active", "V": "Measurement Void"})),
    0x0A: ("GPSMeasureMode", v.table({"2": "2-Dimensional Measurement", "3": "3-Dimensional Measurement"})),
    0x0B: ("GPSDOP", v.joined), 0x0C: ("GPSSpeedRef", v.table({"K": "km/h", "M": "mph", "N": "knots"})),
    0x0D: ("GPSSpeed", v.joined), 0x0E: ("GPSTrackRef", _DIRECTION), 0x0F: ("GPSTrack", v.joined),
    0x10: ("GPSImgDirectionRef", _DIRECTION), 0x11: ("GPSImgDirection", v.joined), 0x12: ("GPSMapDatum", _text),
    0x17: ("GPSDestBearingRef", _DIRECTION), 0x18: ("GPSDestBearing", v.joined),
    0x1B: ("GPSProcessingMethod", _comment), 0x1D: ("GPSDateStamp", _gps_date),
    0x1F: ("GPSHPositioningError", v.with_unit("m")),
}  # fmt: skip

TABLES = {"ExifIFD": EXIF, "GPS": GPS, "InteropIFD": INTEROP}
