"""JPEG and PNG files decoded inside a graph, by TensorFlow's own kernels."""

import tensorflow as tf

_JPEG = b"\xff\xd8\xff"
_PNG = b"\x89PNG\r\n\x1a\n"
# A PNG file begins with its signature, 8 bytes about the header chunk, and
# width and height, big-endian.
_PNG_SIZE = (16, 8)


def decode_frames(frames_jpeg, lengths, shape):
    """Clips of encoded frames as pixels, with their mask.

    Args:
        frames_jpeg: String tensor `(b, t)`; JPEG and PNG may be mixed.
            Entries at and beyond the length of a clip are not read.
        lengths: Int32 tensor `(b,)`: number of real frames, 1 to t.
        shape: `(height, width, channels)` of a frame; 1 channel is grey.

    Returns:
        `frames`, uint8 `(b, t, height, width, channels)`, zeros beyond the
        lengths; and `mask`, bool `(b, t)`.

    Raises:
        tf.errors.InvalidArgumentError: If a length is not 1 to t, there is
            not one per clip, or a frame is no JPEG or PNG, is truncated, or
            has another size. A size is read from the file's header: pixels
            of a file that claims another are never decoded.
    """
    counts = tf.shape(frames_jpeg)
    batch, length = counts[0], counts[1]
    is_valid = tf.reduce_all((lengths >= 1) & (lengths <= length))
    message = tf.strings.format(
        "Expected one length of 1 to {} for each of {} clips. Received: "
        "lengths={}",
        (length, batch, lengths),
    )
    is_one_each = tf.equal(tf.size(lengths), batch)
    checked = tf.Assert(is_valid & is_one_each, [message])
    with tf.control_dependencies([checked]):
        mask = tf.sequence_mask(lengths, length)

    def decode(entry):
        place, data, is_real = entry
        clip, frame = place // length, place % length
        where = _joined("frames_jpeg[", clip, ", ", frame, "]")
        return tf.cond(
            is_real,
            lambda: decode_image(data, shape, where),
            lambda: tf.zeros(shape, tf.uint8),
        )

    frames = tf.map_fn(
        decode,
        (
            tf.range(batch * length),
            tf.reshape(frames_jpeg, [-1]),
            tf.reshape(mask, [-1]),
        ),
        fn_output_signature=tf.TensorSpec(shape, tf.uint8),
    )
    frames = tf.reshape(frames, [batch, length, *shape])
    return tf.ensure_shape(frames, (None, None, *shape)), mask


def decode_images(images_jpeg, shape):
    """Encoded images as pixels.

    Args:
        images_jpeg: String tensor `(b,)` or `(b, n)`.
        shape: `(height, width, channels)` of an image.

    Returns:
        Uint8 tensor of the shape of `images_jpeg`, followed by `shape`.

    Raises:
        tf.errors.InvalidArgumentError: See `decode_frames`.
    """

    def decode(entry):
        place, data = entry
        where = _joined("image ", place, " of images_jpeg")
        return decode_image(data, shape, where)

    images = tf.map_fn(
        decode,
        (tf.range(tf.size(images_jpeg)), tf.reshape(images_jpeg, [-1])),
        fn_output_signature=tf.TensorSpec(shape, tf.uint8),
    )
    images = tf.reshape(images, tf.concat([tf.shape(images_jpeg), shape], 0))
    return tf.ensure_shape(images, (*images_jpeg.shape, *shape))


def decode_image(data, shape, where):
    """One file's bytes as pixels; see `decode_frames`."""
    height, width, channels = shape
    size = _size(data)
    message = _joined(
        where,
        f": expected a JPEG or PNG of {height} x {width} pixels (height x "
        "width), as the model takes them. Received: ",
        _in_words(data, size),
    )
    is_right = tf.reduce_all(tf.equal(size, [height, width]))
    with tf.control_dependencies([tf.Assert(is_right, [message])]):
        data = tf.identity(data)
    pixels = tf.cond(
        _begins(data, _JPEG),
        # Exact, as other libraries decode: the default is a faster transform.
        lambda: tf.io.decode_jpeg(
            data, channels, dct_method="INTEGER_ACCURATE"
        ),
        lambda: tf.io.decode_png(data, channels),
    )
    return tf.ensure_shape(pixels, shape)


def _size(data):
    """Height and width by the header; -1 of what is neither JPEG nor PNG."""
    is_png = _begins(data, _PNG) & (tf.strings.length(data) >= sum(_PNG_SIZE))
    return tf.cond(
        _begins(data, _JPEG),
        lambda: tf.image.extract_jpeg_shape(data)[:2],
        lambda: tf.cond(
            is_png,
            lambda: _png_size(data),
            lambda: tf.constant([-1, -1]),
        ),
    )


def _begins(data, first):
    return tf.strings.substr(data, 0, len(first)) == first


def _png_size(data):
    numbers = tf.strings.substr(data, *_PNG_SIZE)
    return tf.io.decode_raw(numbers, tf.int32, little_endian=False)[::-1]


def _in_words(data, size):
    return tf.cond(
        tf.reduce_all(size >= 0),
        lambda: _joined(size[0], " x ", size[1]),
        lambda: _joined(tf.strings.length(data), " bytes of neither"),
    )


def _joined(*parts):
    """Text of strings and numbers."""
    is_text = [isinstance(x, str) or x.dtype == tf.string for x in parts]
    return tf.strings.join(
        [
            part if is_one else tf.strings.as_string(part)
            for part, is_one in zip(parts, is_text)
        ]
    )
