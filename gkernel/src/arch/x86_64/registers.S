# u64 guest_fill_registers_and_call(u64 times)
#
# Every register gets a value of its own, rsp apart; rax is that of the call. Then `times` calls that
# nobody defined, and a comparison. Returns 0, or a number: 1 and on for rcx, rdx, rsi, rdi, rbx, rbp, r8
# and on; 32 + n for xmm n.

.macro FILL register, number
    movabs  \register, 0x123456789ABC0000 + \number
.endm
.macro FILL_VECTOR n
    movabs  rax, 0x123456789ABCF000 + \n
    movq    xmm\n, rax
    punpcklqdq xmm\n, xmm\n
.endm
.macro CHECK register, number
    movabs  rax, 0x123456789ABC0000 + \number
    cmp     \register, rax
    mov     eax, \number
    jne     3f
.endm
.macro CHECK_VECTOR n
    movabs  rcx, 0x123456789ABCF000 + \n
    mov     eax, 32 + \n
    movq    rdx, xmm\n
    cmp     rdx, rcx
    jne     3f
    punpckhqdq xmm\n, xmm\n
    movq    rdx, xmm\n
    cmp     rdx, rcx
    jne     3f
.endm

.section .text
.type guest_fill_registers_and_call, @function
.globl guest_fill_registers_and_call
guest_fill_registers_and_call:
    push    rbx
    push    rbp
    push    r12
    push    r13
    push    r14
    push    r15
    push    rdi
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
    FILL_VECTOR \n
    .endr
    FILL    rcx, 1
    FILL    rdx, 2
    FILL    rsi, 3
    FILL    rdi, 4
    FILL    rbx, 5
    FILL    rbp, 6
    FILL    r8, 7
    FILL    r9, 8
    FILL    r10, 9
    FILL    r11, 10
    FILL    r12, 11
    FILL    r13, 12
    FILL    r14, 13
    FILL    r15, 14
2:
    mov     eax, 0x0A000000
    vmmcall
    dec     qword ptr [rsp]
    jnz     2b

    CHECK   rcx, 1
    CHECK   rdx, 2
    CHECK   rsi, 3
    CHECK   rdi, 4
    CHECK   rbx, 5
    CHECK   rbp, 6
    CHECK   r8, 7
    CHECK   r9, 8
    CHECK   r10, 9
    CHECK   r11, 10
    CHECK   r12, 11
    CHECK   r13, 12
    CHECK   r14, 13
    CHECK   r15, 14
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
    CHECK_VECTOR \n
    .endr
    xor     eax, eax
3:
    pop     rdi
    pop     r15
    pop     r14
    pop     r13
    pop     r12
    pop     rbp
    pop     rbx
    ret
.size guest_fill_registers_and_call, . - guest_fill_registers_and_call
